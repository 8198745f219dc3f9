import fc from "fast-check";
import { expect, test } from "vitest";
import { offsets, rowAt, windowOf } from "../../src/model/window.ts";

const heights = fc.array(fc.option(fc.integer({ min: 1, max: 300 })), { maxLength: 60 });
const USUAL = 50;

function topsOf(given: readonly (number | null)[]): Float64Array {
  const keys = given.map((_, index) => String(index));
  const known = given.flatMap((height, index) => (height === null ? [] : [[String(index), height] as const]));
  return offsets(keys, new Map(known), USUAL);
}

test("every row that can be seen is in the window, and the space around it is that of the others", () => {
  fc.assert(
    fc.property(heights, fc.integer({ min: -500, max: 5000 }), fc.nat(900), fc.nat(5), (given, top, size, margin) => {
      const tops = topsOf(given);
      const seen = windowOf(tops, top, top + size, margin);
      const total = tops[given.length] ?? 0;
      for (let row = 0; row < given.length; row += 1) {
        const isSeen = (tops[row] as number) < top + size && (tops[row + 1] as number) > top;
        if (isSeen) expect(row >= seen.start && row < seen.end).toBe(true);
      }
      const inside = (tops[seen.end] ?? total) - (tops[seen.start] ?? 0);
      expect(seen.above + inside + seen.below).toBe(total);
    }),
  );
});

test("of 10,000 rows few are in the window", () => {
  const tops = topsOf(Array.from({ length: 10_000 }, () => null));
  const { start, end } = windowOf(tops, 250_000, 250_800, 4);
  expect(end - start).toBeLessThan(30);
  expect(start).toBe(4996);
});

test("a height is covered by the last row that begins at or before it", () => {
  const tops = topsOf([10, 20, 30]);
  expect([-5, 0, 9, 10, 29, 30, 59, 1000].map((height) => rowAt(tops, height))).toEqual([0, 0, 0, 1, 1, 2, 2, 2]);
});
