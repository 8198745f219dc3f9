/** Which items are shown, in which order, and how many there are of each kind. */

import type { Item } from "./operation.ts";
import { byRank } from "./rank.ts";
import { matcher } from "./search.ts";

export type Filter = "all" | "todo" | "done";

export interface Counts {
  readonly all: number;
  readonly todo: number;
  readonly done: number;
}

/**
 * Returns all items in their order. `before` is the last order: to sort what is nearly sorted already takes a fraction
 * of the time.
 */
export function ordered(items: ReadonlyMap<string, Item>, before: readonly Item[]): readonly Item[] {
  const known = new Set<string>();
  const kept: Item[] = [];
  for (const old of before) {
    const item = items.get(old.key);
    if (item) {
      kept.push(item);
      known.add(item.key);
    }
  }
  const added = kept.length === items.size ? [] : [...items.values()].filter((item) => !known.has(item.key));
  return [...added, ...kept].sort(byRank);
}

/** Returns the items that a filter and a query leave, in the same order. */
export function shown(items: readonly Item[], filter: Filter, query: string): readonly Item[] {
  if (filter === "all" && query.trim() === "") return items;
  const matches = matcher(query);
  return items.filter((item) => (filter === "all" || item.task.done === (filter === "done")) && matches(item.task));
}

/** Returns how many items there are of each kind. */
export function counts(items: readonly Item[]): Counts {
  let done = 0;
  for (const item of items) if (item.task.done) done += 1;
  return { all: items.length, todo: items.length - done, done };
}

/** Returns the key of the item that is focused when the one at `index` goes: the next, or the last. */
export function neighbour(items: readonly Item[], index: number): string | null {
  return (items[index + 1] ?? items[index - 1])?.key ?? null;
}
