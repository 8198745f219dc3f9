import fc from "fast-check";
import { expect, test } from "vitest";
import type { Item } from "../../src/model/operation.ts";
import { between, byRank, move, type Ranking, ranksForNew, spread } from "../../src/model/rank.ts";
import { item } from "./support.ts";

const printable = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 6,
});
const random = fc
  .infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }))
  .map((stream) => () => stream.next().value);

function withRanks(items: readonly Item[], rankings: readonly Ranking[]): Item[] {
  const ranks = new Map(rankings.map(({ key, rank }) => [key, rank]));
  return items.map((one) => ({ ...one, task: { ...one.task, rank: ranks.get(one.key) ?? one.task.rank } }));
}

test("a new rank stands between its neighbours, whoever made those", () => {
  fc.assert(
    fc.property(fc.option(printable), fc.option(printable), random, (a, b, next) => {
      const [low, high] = a !== null && b !== null && a > b ? [b, a] : [a, b];
      fc.pre(low === null || low !== high);
      const rank = between(low, high, next);
      if (rank === null) return; // there is no room, "A" and "A!" for example: the list is ranked anew
      expect(low === null || rank > low).toBe(true);
      expect(high === null || rank < high).toBe(true);
      expect(rank.length).toBeLessThanOrEqual(64);
    }),
  );
});

test("spread ranks are in order and different", () => {
  for (const count of [1, 2, 61, 62, 500, 10_000]) {
    const ranks = spread(count);
    expect(new Set(ranks).size).toBe(count);
    expect(ranks).toEqual([...ranks].sort());
  }
});

test("whatever was there, a move puts the task where it was wanted, and nothing else moves", () => {
  const ranks = fc.array(fc.option(fc.oneof(printable, fc.constantFrom("M", "M0", "Mz"))), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(ranks, fc.nat(), fc.nat(), random, (given, a, b, next) => {
      const items = given.map((rank) => item({ rank })).sort(byRank);
      const [from, to] = [a % items.length, b % items.length];
      const wanted = items.toSpliced(from, 1).toSpliced(to, 0, items[from] as Item);
      const after = withRanks(items, move(items, from, to, next)).sort(byRank);
      expect(after.map((one) => one.key)).toEqual(wanted.map((one) => one.key));
      for (const one of after) expect((one.task.rank ?? "").length).toBeLessThanOrEqual(64);
    }),
    { numRuns: 500 },
  );
});

test("a thousand moves to one place keep ranks within the limit", () => {
  let items = Array.from({ length: 20 }, () => item()).sort(byRank);
  for (let count = 0; count < 1000; count += 1) {
    items = withRanks(items, move(items, 19, 10)).sort(byRank);
    for (const one of items) expect((one.task.rank ?? "").length).toBeLessThanOrEqual(64);
  }
});

test("a move among ranked tasks gives one rank", () => {
  const items = spread(100).map((rank) => item({ rank }));
  expect(move(items, 5, 50)).toHaveLength(1);
  expect(move(items, 5, 0)).toHaveLength(1);
  expect(move(items, 5, 99)).toHaveLength(1);
});

test("two people who move to the same place at once nearly never get the same rank", () => {
  const made = new Set(Array.from({ length: 100 }, () => between("M", "N")));
  expect(made.size).toBeGreaterThan(30);
});

test("new tasks in an order of their own stand together, in it", () => {
  fc.assert(
    fc.property(fc.array(fc.option(printable), { maxLength: 6 }), fc.integer({ min: 1, max: 40 }), (given, count) => {
      const items = given.map((rank) => item({ rank })).sort(byRank);
      const fresh = ranksForNew(count, items).map((rank) => item({ rank }));
      const after = [...items, ...fresh].sort(byRank);
      const at = after.indexOf(fresh[0] as Item);
      expect(after.slice(at, at + count)).toEqual(fresh);
    }),
  );
});
