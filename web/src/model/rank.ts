/**
 * The order people make by hand. A rank is a text; ranks are compared by code unit. What has a rank stands in its order,
 * what has none stands above it, newest first. The server dates a new task when it gets it, later than this browser did:
 * what it has not answered yet is newer than all that it has.
 *
 * A new rank between two others is a random one of those that are as short as possible: two people who move tasks to the
 * same place at the same time get different ranks, nearly always; and when they do not, the order is still one (by id),
 * and the next move there tells them apart.
 */

import type { Item } from "./operation.ts";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"; // in the order of code units
const LONGEST = 48; // of the 64 characters the API allows: room for others' habits

export interface Ranking {
  readonly key: string;
  readonly rank: string;
}

/** Compares two items by where they stand in the list. */
export function byRank(a: Item, b: Item): number {
  const [rankA, rankB] = [a.task.rank, b.task.rank];
  if (rankA !== rankB) {
    if (rankA === null) return -1;
    if (rankB === null) return 1;
    return rankA < rankB ? -1 : 1;
  }
  if (isMade(a) !== isMade(b)) return isMade(a) ? 1 : -1;
  if (a.task.createdOn !== b.task.createdOn) return a.task.createdOn > b.task.createdOn ? -1 : 1;
  return a.task.id > b.task.id ? -1 : a.task.id < b.task.id ? 1 : 0;
}

/** Whether the server has made the task; until then it has no version. */
function isMade({ task }: Item): boolean {
  return task.version > 0;
}

/**
 * Returns a rank after `low` and before `high` (null: no bound there), or null when there is none that is short enough.
 * @param random numbers from 0 to below 1.
 */
export function between(low: string | null, high: string | null, random: () => number = Math.random): string | null {
  const floor = low ?? "";
  for (let length = 0; length <= floor.length && length < LONGEST; length += 1) {
    const prefix = floor.slice(0, length);
    const above = floor[length] ?? "";
    const fits = [...DIGITS].filter((digit) => digit > above && (high === null || prefix + digit < high));
    const digit = choose(fits, low, high, random);
    if (digit === undefined) continue;
    const rank = prefix + digit;
    // A second, random digit keeps two people apart; it cannot pass `high`, but it can be missing from the space.
    const apart = rank + DIGITS[1 + Math.floor(random() * (DIGITS.length - 1))];
    return apart.length <= LONGEST && (high === null || apart < high) ? apart : rank;
  }
  return null;
}

/** Near the bound where the other end is open, so that a list that grows at one end keeps short ranks; else the middle. */
function choose(fits: string[], low: string | null, high: string | null, random: () => number): string | undefined {
  if (low !== null && high === null) return fits[Math.min(fits.length - 1, Math.floor(random() * 2))];
  if (low === null && high !== null) return fits[Math.max(0, fits.length - 1 - Math.floor(random() * 2))];
  return fits[Math.floor((0.25 + random() / 2) * fits.length)];
}

/** Returns `count` ranks, evenly spread, in order. */
export function spread(count: number): string[] {
  let length = 1;
  while (DIGITS.length ** length < (count + 1) * 4) length += 1;
  const room = DIGITS.length ** length;
  return Array.from({ length: count }, (_, index) => encode(Math.floor(((index + 1) * room) / (count + 1)), length));
}

function encode(number: number, length: number): string {
  let text = "";
  for (let rest = number; text.length < length; rest = Math.floor(rest / DIGITS.length)) {
    text = DIGITS[rest % DIGITS.length] + text;
  }
  return text;
}

/**
 * Returns the ranks that put the item at `from` to the place `to` of an ordered list, the fewest that do.
 *
 * What stands below a ranked item has to have a rank, so the first move in a list that has none gives one to all that
 * are below.
 */
export function move(
  ordered: readonly Item[],
  from: number,
  to: number,
  random: () => number = Math.random,
): readonly Ranking[] {
  const moved = ordered[from];
  if (moved === undefined || from === to) return [];
  const wanted = ordered.toSpliced(from, 1).toSpliced(to, 0, moved);
  const above = wanted[to - 1]?.task.rank ?? null;
  const below = wanted[to + 1];
  if (below === undefined || below.task.rank !== null) {
    const rank = between(above, below?.task.rank ?? null, random);
    if (rank !== null) return [{ key: moved.key, rank }];
    return rankedAnew(wanted.filter((item, index) => index === to || item.task.rank !== null));
  }
  return unrankedBelow(wanted, to, random) ?? rankedAnew(wanted.slice(to));
}

/** Gives ranks to the item at `to` and to those below it that have none, all of them before the first that has one. */
function unrankedBelow(wanted: readonly Item[], to: number, random: () => number): readonly Ranking[] | null {
  const ranked = wanted.findIndex((item, index) => index > to && item.task.rank !== null);
  const items = wanted.slice(to, ranked === -1 ? undefined : ranked);
  if (ranked === -1) return rankedAnew(items);
  const high = wanted[ranked]?.task.rank ?? null;
  const prefix = between(null, high, random);
  if (prefix === null || prefix.length > LONGEST / 2 || (high !== null && `${prefix}~` > high)) return null;
  return spread(items.length).map((rank, index) => ({ key: items[index]?.key ?? "", rank: prefix + rank }));
}

/** Returns ranks for new tasks, in their order: before the first that has one, or, where there is no room, behind all. */
export function ranksForNew(count: number, ordered: readonly Item[]): string[] {
  const first = ordered.find((item) => item.task.rank !== null)?.task.rank ?? null;
  if (first === null) return spread(count);
  const before = between(null, first);
  const isRoom = before !== null && before.length <= LONGEST / 2 && `${before}~` < first;
  const prefix = isRoom ? before : (between(ordered.at(-1)?.task.rank ?? null, null) ?? "");
  return spread(count).map((rank) => prefix + rank);
}

function rankedAnew(items: readonly Item[]): readonly Ranking[] {
  return spread(items.length).map((rank, index) => ({ key: items[index]?.key ?? "", rank }));
}
