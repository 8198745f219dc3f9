/** A server, a network that loses things, and a page that is reloaded, all in memory and without time. */

import { type Change, changed, type Data, EMPTY, fresh } from "../../src/model/data.ts";
import type { Operation } from "../../src/model/operation.ts";
import type { Answer } from "../../src/model/queue.ts";
import type { Fields, Task } from "../../src/model/task.ts";
import { Unreachable } from "../../src/net/api.ts";
import { Follower } from "../../src/net/news.ts";
import { drain } from "../../src/net/sender.ts";
import type { News, Sending } from "../../src/net/tasks.ts";
import type { Engine } from "../../src/state/engine.ts";
import { Intents } from "../../src/state/intents.ts";
import { reduce, START } from "../../src/state/state.ts";
import { Store } from "../../src/state/store.ts";

/** What becomes of one request. */
export type Fate = "arrives" | "request lost" | "answer lost";

const PAGE = 3;

/** The API as docs/rest.md has it, as far as tasks go. */
export class Server {
  readonly tasks = new Map<string, Task>();
  readonly removed = new Map<string, Task>();
  /** How often each key has changed something. */
  readonly carriedOut = new Map<string, number>();
  private readonly created = new Map<string, string>();
  private readonly log: string[] = [];
  private count = 0;

  /** @param clock what its clock said when it was started, in ms since 1970. */
  constructor(private readonly clock = Date.UTC(2026, 0, 1)) {}

  create(fields: Fields): Task {
    this.count += 1;
    const createdOn = new Date(this.clock + this.count).toISOString();
    const empty = { name: "", done: false, notes: null, due: null, rank: null };
    const id = this.count.toString(16).padStart(24, "0");
    return this.keep({ id, createdOn, updatedOn: createdOn, version: 1000, ...empty, ...fields });
  }

  change(id: string, fields: Fields): void {
    const task = this.tasks.get(id);
    if (task) this.keep({ ...task, ...fields, version: task.version + 1 });
  }

  remove(id: string): void {
    const task = this.tasks.get(id);
    if (!task) return;
    this.tasks.delete(id);
    this.removed.set(id, { ...task, version: task.version + 1 });
    this.log.push(id);
  }

  restore(id: string): void {
    const task = this.removed.get(id);
    if (!task) return;
    this.removed.delete(id);
    this.keep({ ...task, version: task.version + 1 });
  }

  answer({ operation, id, version }: Sending): Answer {
    const { key, kind, fields } = operation;
    if (kind === "create") return this.answerCreate(key, fields);
    if (id === null) throw new Error(`${kind} of a task without an id`);
    const task = this.tasks.get(id);
    if (kind === "restore") {
      if (task) return { status: 200, task };
      if (!this.removed.has(id)) return { status: 404 };
      // Not noted: the API gives restorations no key, so one that is repeated also takes back a removal in between.
      this.restore(id);
      return { status: 200, task: this.tasks.get(id) as Task };
    }
    if (!task) return { status: 404 };
    if (kind === "update" && this.carriedOut.has(key)) return { status: 200, task };
    if (task.version !== version) return { status: 412, current: task };
    this.note(key);
    if (kind === "remove") {
      this.remove(task.id);
      return { status: 204 };
    }
    this.change(task.id, fields);
    return { status: 200, task: this.tasks.get(task.id) as Task };
  }

  news(since: string | null): News {
    const from = Number(since ?? 0);
    const told = new Set(this.log.slice(from, from + PAGE));
    const find = (map: Map<string, Task>) => [...told].flatMap((id) => map.get(id) ?? []);
    const sync = String(Math.min(from + PAGE, this.log.length));
    return {
      tasks: find(this.tasks),
      removed: find(this.removed),
      sync,
      more: from + PAGE < this.log.length,
      reset: false,
    };
  }

  private answerCreate(key: string, fields: Fields): Answer {
    const before = this.created.get(key);
    if (before !== undefined) {
      const task = this.tasks.get(before);
      return task ? { status: 201, task } : { status: 410 };
    }
    this.note(key);
    const task = this.create(fields);
    this.created.set(key, task.id);
    return { status: 201, task };
  }

  private keep(task: Task): Task {
    this.tasks.set(task.id, task);
    this.log.push(task.id);
    return task;
  }

  private note(key: string): void {
    this.carriedOut.set(key, (this.carriedOut.get(key) ?? 0) + 1);
  }
}

/** One browser: state, what it keeps, and what a person can do in it. */
export class Browser {
  private store = new Store(START, reduce);
  private kept: Data = EMPTY;
  intents: Intents;
  private follower: Follower;

  constructor(private readonly server: Server) {
    this.intents = this.begin();
    this.follower = this.follow();
  }

  get data(): Data {
    return this.store.state.data;
  }

  get keys(): string[] {
    return this.store.state.order.map((item) => item.key);
  }

  /** The operations that wait for a person, and that no item shows. */
  get unseen(): Operation[] {
    return [...this.data.operations.values()].filter(
      (operation) => operation.trouble !== null && !this.data.items.get(operation.entry)?.trouble,
    );
  }

  /** Closes the page and opens it again: only what was kept is there. */
  reload(): void {
    const entries = [...this.kept.entries.values()];
    const put = [...this.kept.operations.values()];
    const change = { entries, put, sync: this.kept.sync, complete: this.kept.complete };
    this.store = new Store(START, reduce);
    this.store.dispatch({ type: "change", change: JSON.parse(JSON.stringify(change)) as Change });
    this.intents = this.begin();
    this.follower = this.follow();
  }

  /** Sends what there is, until something is lost. */
  async send(fates: Fate[]): Promise<void> {
    const one = async (sending: Sending): Promise<Answer> => {
      const fate = fates.shift() ?? "arrives";
      if (fate === "request lost") throw new Unreachable(null);
      const answer = this.server.answer(sending);
      if (fate === "answer lost") throw new Unreachable(null);
      return answer;
    };
    const sendBatch = async (sendings: readonly Sending[]) => {
      const fate = fates.shift() ?? "arrives";
      if (fate === "request lost") throw new Unreachable(null);
      const answers = sendings.map((sending) => this.server.answer(sending));
      if (fate === "answer lost") throw new Unreachable(null);
      return answers;
    };
    try {
      await drain(
        () => this.data,
        (change) => this.apply(change),
        { sendOne: one, sendBatch },
      );
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
  }

  /** Asks for one page of news. Returns whether there is more. */
  ask(): Promise<boolean> {
    return this.follower.next();
  }

  /** Decides all that waits for a person. Returns whether there was something. */
  decide(choice: "mine" | "theirs"): boolean {
    const waiting = [...this.data.operations.values()].filter((operation) => operation.trouble !== null);
    for (const { key } of waiting) this.intents.resolve(key, choice);
    return waiting.length > 0;
  }

  private async apply(change: Change): Promise<void> {
    const next = fresh(this.data, change);
    this.store.dispatch({ type: "change", change: next });
    this.kept = changed(this.kept, next);
  }

  private begin(): Intents {
    const engine = {
      store: this.store,
      apply: (change: Change) => this.apply(change),
      show: (values: Parameters<Engine["show"]>[0]) => this.store.dispatch({ type: "show", values }),
      fail: (error: unknown) => {
        throw error;
      },
    };
    return new Intents(engine as unknown as Engine);
  }

  private follow(): Follower {
    return new Follower(
      () => this.data,
      (change) => this.apply(change),
      async (since) => this.server.news(since),
    );
  }
}
