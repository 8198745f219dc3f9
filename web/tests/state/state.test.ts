import { expect, test } from "vitest";
import type { Change } from "../../src/model/data.ts";
import { hashOf, resetOf, routeOf } from "../../src/state/route.ts";
import { type Action, reduce, START, type State } from "../../src/state/state.ts";
import { Store } from "../../src/state/store.ts";
import { task } from "../model/support.ts";

const ada = { id: "a", username: "ada", createdOn: "2026-11-25T00:00:00Z" };
const made = task({ name: "tea" });
const change: Change = { entries: [{ key: made.id, id: made.id, version: made.version, task: made }] };

function after(...actions: Action[]): State {
  return actions.reduce(reduce, START);
}

test("the same change a second time changes nothing that is shown", () => {
  const once = after({ type: "change", change });
  const twice = reduce(once, { type: "change", change });
  expect(twice.order).toEqual(once.order);
});

test("an older entry does not take the place of a newer one", () => {
  const newer = { ...made, version: made.version + 1, done: true };
  const state = after(
    { type: "change", change: { entries: [{ key: made.id, id: made.id, version: newer.version, task: newer }] } },
    { type: "change", change },
  );
  expect(state.order[0]?.task.done).toBe(true);
});

test("a login or logout leaves nothing of what was on the screen, but the place and the language", () => {
  const state = after(
    { type: "account", account: ada },
    { type: "change", change },
    {
      type: "show",
      values: {
        query: "tea",
        language: "de",
        route: { page: "account" },
        undo: [{ kind: "remove", items: [], stopped: [] }],
      },
    },
    { type: "account", account: null },
  );
  expect(state).toEqual({ ...START, ready: true, language: "de", route: { page: "account" } });
});

test("another name of the same account leaves what is on the screen", () => {
  const state = after(
    { type: "account", account: ada },
    { type: "change", change },
    { type: "show", values: { query: "tea" } },
    { type: "renamed", account: { ...ada, username: "countess" } },
  );
  expect(state.account?.username).toBe("countess");
  expect(state.query).toBe("tea");
  expect(state.order.map((item) => item.task.name)).toEqual(["tea"]);
});

test("no more than fifty things can be undone", () => {
  let state = START;
  for (let count = 0; count < 60; count += 1) {
    state = reduce(state, { type: "show", values: { undo: [...state.undo, { kind: "update", before: [] }] } });
  }
  expect(state.undo).toHaveLength(50);
});

test("subscribers hear of changes until they have enough", () => {
  const store = new Store(0, (count: number, step: number) => count + step);
  let heard = 0;
  const end = store.subscribe(() => {
    heard += 1;
  });
  store.dispatch(1);
  store.dispatch(0); // nothing has changed
  end();
  store.dispatch(1);
  expect([heard, store.state]).toEqual([1, 2]);
});

test("each filter has its place in the address", () => {
  for (const filter of ["all", "todo", "done"] as const)
    expect(routeOf(hashOf(filter))).toEqual({ page: "tasks", filter });
  expect(routeOf("")).toEqual({ page: "tasks", filter: "all" });
  expect(routeOf("#/account")).toEqual({ page: "account" });
});

test("a one-time link is told from every other address", () => {
  expect(resetOf("#reset=abc_-=")).toBe("abc_-=");
  expect(resetOf("#reset=")).toBe("");
  for (const hash of ["", "#/", "#/reset=abc", "#/todo", "#reset"]) expect(resetOf(hash), hash).toBeNull();
});

test("the form of a one-time link outlasts logins and logouts; that a password was set is told until the next login", () => {
  const opened = after({ type: "show", values: { reset: "abc", passwordSet: true } });
  const entered = reduce(opened, { type: "account", account: ada });
  expect(entered).toMatchObject({ reset: "abc", passwordSet: false });
  expect(reduce(entered, { type: "account", account: null }).reset).toBe("abc");
});

test("what is selected, wanted or edited stays so when its row becomes one with the row that was made here", () => {
  const mine: Change = { entries: [{ key: "mine", id: null, version: 0, task: null }] };
  const state = after(
    { type: "change", change: mine },
    { type: "change", change },
    {
      type: "show",
      values: { selected: made.id, focus: made.id },
    },
  );
  const adopted: Change = {
    entries: [{ key: "mine", id: made.id, version: made.version, task: made }],
    forget: [made.id],
  };
  const next = reduce(state, { type: "change", change: adopted });
  expect([next.selected, next.focus]).toEqual(["mine", "mine"]);
  expect(reduce(next, { type: "change", change: adopted }).selected).toBe("mine");
});
