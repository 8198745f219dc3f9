/** What is kept in this browser, in IndexedDB: the account, its tasks, and what has not been sent. */

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { type Change, changed, type Data, EMPTY } from "../model/data.ts";
import type { Entry, Operation } from "../model/operation.ts";
import type { Account } from "../net/accounts.ts";

interface Schema extends DBSchema {
  meta: { key: string; value: Account | string | boolean | null };
  entries: { key: string; value: Entry };
  operations: { key: string; value: Operation };
}

const NAME = "tasks";
const STORES = ["meta", "entries", "operations"] as const;

export interface Kept {
  readonly account: Account | null;
  readonly data: Data;
}

/** Another tab has logged out, or in as somebody else, since: nothing of this account may be written any more. */
export class AccountGone extends Error {}

/** The database, or in its place nothing, where a browser keeps none: then the page works as long as it is open. */
export class Database {
  private constructor(private readonly db: IDBPDatabase<Schema> | null) {}

  static async open(onClosed: () => void = () => undefined): Promise<Database> {
    try {
      const db = await openDB<Schema>(NAME, 1, {
        upgrade(fresh) {
          fresh.createObjectStore("meta");
          fresh.createObjectStore("entries", { keyPath: "key" });
          fresh.createObjectStore("operations", { keyPath: "key" });
        },
        // A newer page wants to change the schema: let it.
        blocking: (_now, _wanted, event) => (event.target as IDBDatabase).close(),
        terminated: onClosed,
      });
      return new Database(db);
    } catch {
      return new Database(null);
    }
  }

  /** Whether what is written outlives the page. */
  get keeps(): boolean {
    return this.db !== null;
  }

  async load(): Promise<Kept> {
    if (this.db === null) return { account: null, data: EMPTY };
    const store = this.db.transaction(STORES);
    const [account, sync, complete, entries, operations] = await Promise.all([
      store.objectStore("meta").get("account"),
      store.objectStore("meta").get("sync"),
      store.objectStore("meta").get("complete"),
      store.objectStore("entries").getAll(),
      store.objectStore("operations").getAll(),
    ]);
    const change = {
      entries,
      put: operations,
      sync: (sync as string | undefined) ?? null,
      complete: complete === true,
    };
    return { account: (account as Account | undefined) ?? null, data: changed(EMPTY, change) };
  }

  /** Keeps whose tasks these are; those of another account go. */
  async begin(account: Account): Promise<void> {
    if (this.db === null) return;
    const store = this.db.transaction(STORES, "readwrite");
    const before = (await store.objectStore("meta").get("account")) as Account | undefined;
    if (before?.id !== account.id) await Promise.all(STORES.map((name) => store.objectStore(name).clear()));
    await store.objectStore("meta").put(account, "account");
    await store.done;
  }

  /** Keeps a change. Throws AccountGone. */
  async save(account: Account, change: Change): Promise<void> {
    if (this.db === null) return;
    const store = this.db.transaction(STORES, "readwrite");
    const [meta, entries, operations] = STORES.map((name) => store.objectStore(name)) as unknown as [
      ReturnType<typeof store.objectStore<"meta">>,
      ReturnType<typeof store.objectStore<"entries">>,
      ReturnType<typeof store.objectStore<"operations">>,
    ];
    if (((await meta.get("account")) as Account | undefined)?.id !== account.id) throw new AccountGone();
    await Promise.all([
      ...(change.forget ?? []).map((key) => entries.delete(key)),
      ...(change.entries ?? []).map((entry) => entries.put(entry)),
      ...(change.drop ?? []).map((key) => operations.delete(key)),
      ...(change.put ?? []).map((operation) => operations.put(operation)),
      ...(change.sync === undefined ? [] : [meta.put(change.sync, "sync")]),
      ...(change.complete === undefined ? [] : [meta.put(change.complete, "complete")]),
    ]);
    await store.done;
  }

  /** Forgets everything. */
  async wipe(): Promise<void> {
    if (this.db === null) return;
    const store = this.db.transaction(STORES, "readwrite");
    await Promise.all(STORES.map((name) => store.objectStore(name).clear()));
    await store.done;
  }
}
