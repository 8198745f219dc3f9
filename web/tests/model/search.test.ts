import fc from "fast-check";
import { expect, test } from "vitest";
import { counts, neighbour, ordered, shown } from "../../src/model/list.ts";
import { byRank } from "../../src/model/rank.ts";
import { matcher } from "../../src/model/search.ts";
import { item, task } from "./support.ts";

const finds = (query: string, name: string, notes: string | null = null) => matcher(query)(task({ name, notes }));

test("all words have to be there, in the name or the notes", () => {
  expect(finds("milk bread", "Buy bread", "and milk")).toBe(true);
  expect(finds("milk bread", "Buy bread")).toBe(false);
  expect(finds("  ", "anything")).toBe(true);
});

test("case and accents do not matter", () => {
  expect(finds("cafe", "Café Zürich")).toBe(true);
  expect(finds("ZURICH", "Café Zürich")).toBe(true);
  expect(finds("strasse", "Lange Straße")).toBe(true);
  expect(finds("ﬁle", "file")).toBe(true);
});

test("a task is found by any part of its own name", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 30 }), fc.nat(), fc.nat(), (name, a, b) => {
      const letters = [...name];
      const [from, to] = [a % (letters.length + 1), b % (letters.length + 1)].sort((x, y) => x - y);
      const part = letters.slice(from, to).join("");
      // Half of what one letter folds to can be none of its own: only parts that stay parts are meant.
      fc.pre(name.toLowerCase().includes(part.toLowerCase()) && !/[^\x20-\x7e]/.test(name));
      expect(finds(part, name)).toBe(true);
    }),
  );
});

test("a filter and a query leave what fits both, in the order of the list", () => {
  const items = [item({ name: "tea", done: true }), item({ name: "milk" }), item({ name: "green tea" })];
  expect(shown(items, "all", "")).toBe(items);
  expect(shown(items, "todo", "").map((one) => one.task.name)).toEqual(["milk", "green tea"]);
  expect(shown(items, "done", "tea").map((one) => one.task.name)).toEqual(["tea"]);
  expect(counts(items)).toEqual({ all: 3, todo: 2, done: 1 });
});

test("sorting from the last order gives what sorting from none does", () => {
  const rank = fc.option(fc.constantFrom("A", "B", "C", "D"));
  fc.assert(
    fc.property(fc.array(rank, { maxLength: 20 }), fc.array(rank, { maxLength: 20 }), (before, after) => {
      const old = before.map((one) => item({ rank: one })).sort(byRank);
      const kept = old
        .filter((_, index) => index % 2 === 0)
        .map((one) => ({ ...one, task: { ...one.task, done: true } }));
      const now = [...kept, ...after.map((one) => item({ rank: one }))];
      const map = new Map(now.map((one) => [one.key, one]));
      expect(ordered(map, old)).toEqual([...now].sort(byRank));
    }),
  );
});

test("what has no rank stands above what has one, newest first", () => {
  const [old, fresh, second, first] = [item(), item(), item({ rank: "b" }), item({ rank: "B" })];
  const map = new Map([old, fresh, second, first].map((one) => [one.key, one]));
  expect(ordered(map, []).map((one) => one.key)).toEqual([fresh.key, old.key, first.key, second.key]);
});

test("the focus goes to the next task, or to the one before when there is none", () => {
  const items = [item(), item()];
  expect(neighbour(items, 0)).toBe(items[1]?.key);
  expect(neighbour(items, 1)).toBe(items[0]?.key);
  expect(neighbour([item()], 0)).toBeNull();
});
