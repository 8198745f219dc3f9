/**
 * All that is known of an account's tasks: what the server told (`entries`), what is on its way there (`operations`),
 * and, from both, what a person sees (`items`). It changes by a `Change` alone, whoever makes it: a person's intent, the
 * sender, the listener for news, another tab. The same change goes to the page, to IndexedDB and to the other tabs.
 */

import { byOrder, type Entry, type Item, itemOf, type Operation } from "./operation.ts";

export interface Data {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly operations: ReadonlyMap<string, Operation>;
  readonly items: ReadonlyMap<string, Item>;
  /** The keys of entries by the server's ids. */
  readonly keys: ReadonlyMap<string, string>;
  /** How far the server's changes are known; null before the first. */
  readonly sync: string | null;
  /** Whether all of the server's tasks are here. */
  readonly complete: boolean;
}

export interface Change {
  readonly entries?: readonly Entry[];
  /** Keys of entries that are not to be known any more. */
  readonly forget?: readonly string[];
  readonly put?: readonly Operation[];
  /** Keys of operations that are done with. */
  readonly drop?: readonly string[];
  readonly sync?: string | null;
  readonly complete?: boolean;
}

const NONE: ReadonlySet<string> = new Set();

export const EMPTY: Data = {
  entries: new Map(),
  operations: new Map(),
  items: new Map(),
  keys: new Map(),
  sync: null,
  complete: false,
};

/** Returns the change without what is older than what is known already. */
export function fresh(data: Data, change: Change): Change {
  if (change.entries === undefined) return change;
  const forgotten = new Set(change.forget);
  return {
    ...change,
    entries: change.entries.filter((entry) => !isStale(data.entries.get(entry.key), entry, forgotten)),
  };
}

function isStale(known: Entry | undefined, entry: Entry, forgotten: ReadonlySet<string>): boolean {
  return known !== undefined && !forgotten.has(entry.key) && known.id === entry.id && known.version > entry.version;
}

/** Returns the data after a change. The same change a second time changes nothing. */
export function changed(data: Data, change: Change): Data {
  const entries = new Map(data.entries);
  const operations = new Map(data.operations);
  const keys = new Map(data.keys);
  const touched = new Set<string>();
  for (const key of change.forget ?? []) {
    entries.delete(key);
    touched.add(key);
  }
  for (const entry of change.entries ?? []) {
    if (isStale(entries.get(entry.key), entry, NONE)) continue;
    entries.set(entry.key, entry);
    if (entry.id !== null) keys.set(entry.id, entry.key);
    touched.add(entry.key);
  }
  for (const key of change.drop ?? []) {
    const operation = operations.get(key);
    if (operation && operations.delete(key)) touched.add(operation.entry);
  }
  for (const operation of change.put ?? []) {
    operations.set(operation.key, operation);
    touched.add(operation.entry);
  }
  return {
    entries,
    operations,
    keys,
    items: withItems(data.items, touched, entries, operations),
    sync: change.sync === undefined ? data.sync : change.sync,
    complete: change.complete ?? data.complete,
  };
}

function withItems(
  before: ReadonlyMap<string, Item>,
  touched: ReadonlySet<string>,
  entries: ReadonlyMap<string, Entry>,
  operations: ReadonlyMap<string, Operation>,
): ReadonlyMap<string, Item> {
  if (touched.size === 0) return before;
  const items = new Map(before);
  const pending = new Map<string, Operation[]>();
  for (const operation of operations.values()) {
    if (!touched.has(operation.entry)) continue;
    pending.set(operation.entry, [...(pending.get(operation.entry) ?? []), operation]);
  }
  for (const key of touched) {
    const item = itemOf(key, entries.get(key), (pending.get(key) ?? []).sort(byOrder));
    if (item === null) items.delete(key);
    else items.set(key, item);
  }
  return items;
}

/** Returns the change that what the server tells of a task makes; of one that is removed, `task` is null. */
export function told(data: Data, id: string, version: number, task: Entry["task"]): Entry {
  return { key: data.keys.get(id) ?? id, id, version, task };
}

/**
 * Returns the change with which a task that was made here takes the place of the one the server told of before its
 * answer came: they are the same.
 */
export function adopt(data: Data, entry: Entry): Change {
  const other = entry.id === null ? undefined : data.entries.get(entry.id);
  if (other === undefined || other.key === entry.key) return { entries: [entry] };
  const moved = [...data.operations.values()].filter((operation) => operation.entry === other.key);
  const newest = other.version > entry.version ? { ...other, key: entry.key } : entry;
  return { entries: [newest], forget: [other.key], put: moved.map((one) => ({ ...one, entry: entry.key })) };
}
