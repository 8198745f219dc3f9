/**
 * Keeps state, IndexedDB, the other tabs and the server together, for as long as somebody is logged in. Everything that
 * happens to the tasks is a `Change`, and goes the same way: to the state at once, to IndexedDB, to the other tabs.
 */

import { type Change, type Data, fresh } from "../model/data.ts";
import type { Account } from "../net/accounts.ts";
import { forgive, owe, pay } from "../net/owed-logout.ts";
import { AccountGone, Database } from "./database.ts";
import { drafts } from "./drafts.ts";
import { journal } from "./journal.ts";
import { type Action, reduce, START, type State } from "./state.ts";
import { Store } from "./store.ts";
import { type Message, Tabs } from "./tabs.ts";
import { Work } from "./work.ts";

export class Engine {
  readonly store = new Store<State, Action>(START, reduce);
  private readonly tabs = new Tabs((message) => this.hear(message));
  private database: Database | null = null;
  private readonly work = new Work(
    {
      data: () => this.store.state.data,
      apply: (change) => this.applyFor(this.leadsFor, change),
      onConnection: (connection) => this.connected(connection),
      onExpired: () => this.expire(),
    },
    (error) => this.fail(error),
  );
  private end = new AbortController();
  /** The account whose tasks this tab talks to the server about. */
  private leadsFor: string | null = null;
  /** What other tabs said while the database was being read. */
  private waiting: Message[] | null = [];

  /** Reads what is kept here, shows it, and begins to work. */
  async start(): Promise<void> {
    this.database = await Database.open();
    const { account, data } = await this.database.load();
    this.show({ keeps: this.database.keeps });
    this.become(account, data);
    if (account) for (const change of journal.take(account.id)) this.apply(change).catch((error) => this.fail(error));
    const heard = this.waiting ?? [];
    this.waiting = null;
    for (const message of heard) this.hear(message);
    if (this.store.state.account) this.begin();
    else this.payLogout();
    addEventListener("online", () => this.poke());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.poke());
  }

  /** Somebody has logged in or signed up, here: begin, or go on after a session that ran out. */
  async enter(account: Account): Promise<void> {
    forgive();
    await this.database?.begin(account);
    const { state } = this.store;
    this.tabs.tell({ type: "account", account });
    if (state.account?.id === account.id) this.resume(account);
    else {
      this.become(account);
      this.begin();
    }
  }

  /** Forgets everything, here and in the other tabs, and ends the session. */
  async leave(): Promise<void> {
    this.tabs.tell({ type: "account", account: null });
    this.stop();
    await this.database?.wipe();
    this.become(null);
    owe();
    this.payLogout();
  }

  /** The account is gone, or has another name. */
  async replace(account: Account | null): Promise<void> {
    if (account === null) {
      forgive();
      this.tabs.tell({ type: "account", account: null });
      this.stop();
      await this.database?.wipe();
      this.become(null);
      return;
    }
    await this.enter(account);
  }

  /** Does what ends the account, while nothing else asks for it; when it fails the work goes on. */
  async ending(action: () => Promise<void>): Promise<void> {
    this.stop();
    try {
      await action();
    } catch (error) {
      this.begin();
      throw error;
    }
    await this.replace(null);
  }

  /** Takes a change that a person made. Fires when it is kept. */
  async apply(change: Change): Promise<void> {
    await this.take(change);
    if (change.put?.length) this.work.poke();
  }

  private async take(change: Change): Promise<void> {
    const { account, data } = this.store.state;
    if (account === null) return;
    const kept = fresh(data, change);
    const isKept = kept.put?.length ? journal.note(account.id, kept) : () => undefined;
    this.store.dispatch({ type: "change", change: kept });
    await this.keep(account, kept).finally(isKept);
    this.tabs.tell({ type: "change", account: account.id, change: kept });
  }

  /**
   * Takes what the work itself changes, for an account: what is about to be sent, and what the server told. It may come
   * late: after a logout, or when somebody else has logged in. It wakes nobody: the work knows, and its pauses hold.
   */
  private async applyFor(account: string | null, change: Change): Promise<void> {
    if (account !== this.store.state.account?.id) throw new AccountGone();
    await this.take(change);
  }

  show(values: (Action & { type: "show" })["values"]): void {
    this.store.dispatch({ type: "show", values });
  }

  /** Shows what went wrong; an account that was left meanwhile is no error. */
  fail(error: unknown): void {
    if (error instanceof AccountGone) return;
    this.show({ toast: { kind: "error", text: error instanceof Error ? error.message : String(error) } });
  }

  /** A request of a form says that the session has ended. */
  expire(): void {
    this.show({ expired: true });
    this.tellStatus();
  }

  private async keep(account: Account, change: Change): Promise<void> {
    try {
      await this.database?.save(account, change);
    } catch (error) {
      if (error instanceof AccountGone) throw error;
      this.show({ keeps: false }); // the disk is full, say: it goes on in memory, and says so
    }
  }

  /** Shows the tasks of an account, or of none, and nothing that anybody else left in this tab. */
  private become(account: Account | null, data?: Data): void {
    drafts.belongTo(account?.id ?? null);
    if (account === null) journal.clear();
    this.store.dispatch({ type: "account", account, ...(data && { data }) });
  }

  private begin(): void {
    this.end = new AbortController();
    const { signal } = this.end;
    this.tabs.tell({ type: "hello" });
    this.tabs.lead(() => this.lead(signal), signal);
  }

  /** Runs in one tab of all: works until it is over. Then the next tab tries. */
  private async lead(signal: AbortSignal): Promise<void> {
    // What other tabs wrote just before they were closed may not have been heard here.
    const kept = await this.database?.load();
    const { account } = this.store.state;
    if (kept && account && kept.account?.id === account.id) {
      const { entries, operations, sync, complete } = kept.data;
      // Added to what is known, for what was done here a moment ago is perhaps not kept yet.
      const change = { entries: [...entries.values()], put: [...operations.values()], sync, complete };
      this.store.dispatch({ type: "change", change });
    }
    this.leadsFor = account?.id ?? null;
    await this.work.run(signal);
  }

  private resume(account: Account): void {
    this.store.dispatch({ type: "renamed", account });
    this.show({ expired: false });
    this.work.goOn();
    this.poke();
  }

  private connected(connection: State["connection"]): void {
    if (this.store.state.connection === connection) return;
    this.show({ connection });
    this.tellStatus();
  }

  private tellStatus(): void {
    const { connection, expired } = this.store.state;
    this.tabs.tell({ type: "status", connection, expired });
  }

  private poke(): void {
    if (!this.store.state.expired) this.work.goOn();
    if (this.work.isLeading) this.work.poke(true);
    else if (this.store.state.account) this.tabs.tell({ type: "go on" });
    else this.payLogout();
  }

  private stop(): void {
    this.end.abort();
  }

  private payLogout(): void {
    pay().catch((error: unknown) => this.fail(error));
  }

  private hear(message: Message): void {
    if (this.waiting !== null) {
      this.waiting.push(message);
      return;
    }
    const { account } = this.store.state;
    switch (message.type) {
      case "change":
        if (message.account !== account?.id) return;
        this.store.dispatch({ type: "change", change: message.change });
        if (message.change.put) this.work.poke();
        return;
      case "account":
        this.hearAccount(message.account);
        return;
      case "status":
        this.show({ connection: message.connection, expired: message.expired });
        return;
      case "hello":
        if (this.work.isLeading || this.store.state.expired) this.tellStatus();
        return;
      case "go on":
        this.work.poke(true);
        return;
    }
  }

  private hearAccount(account: Account | null): void {
    const { state } = this.store;
    if (account !== null && account.id === state.account?.id) {
      this.resume(account);
      return;
    }
    this.stop();
    this.become(account);
    if (account !== null) this.begin();
  }
}
