/** What is done to a row, with where the focus goes then. */

import { type Filter, neighbour, shown } from "../model/list.ts";
import type { Item } from "../model/operation.ts";
import type { App } from "./context.ts";

/** Returns the items that are on the screen. */
export function onScreen({ engine }: App): readonly Item[] {
  const { order, route, query } = engine.store.state;
  const filter: Filter = route.page === "tasks" ? route.filter : "all";
  return shown(order, filter, query);
}

/** @param isHidden whether the row leaves the list by this. */
export function toggleAt({ engine, intents }: App, items: readonly Item[], index: number, isHidden: boolean): void {
  const item = items[index];
  if (!item) return;
  intents.toggle(item.key);
  if (isHidden) engine.show({ focus: neighbour(items, index) ?? "new" });
}

export function removeAt({ engine, intents }: App, items: readonly Item[], index: number): void {
  const item = items[index];
  if (!item) return;
  intents.remove(item.key);
  engine.show({ focus: neighbour(items, index) ?? "new" });
}

/** Moves a row by one place among those on the screen; it keeps the focus. */
export function shift({ engine, intents }: App, items: readonly Item[], index: number, by: 1 | -1): void {
  const [item, other] = [items[index], items[index + by]];
  if (!item || !other) return;
  intents.move(item.key, other.key);
  engine.show({ focus: item.key });
}
