import fc from "fast-check";
import { expect, test } from "vitest";
import type { Fields } from "../../src/model/task.ts";
import { Browser, type Fate, Server } from "./world.ts";

type Command =
  | {
      readonly do: "add" | "toggle" | "remove" | "undo" | "other toggles" | "other removes" | "other restores";
      readonly at: number;
    }
  | { readonly do: "edit" | "other edits"; readonly at: number; readonly fields: Fields }
  | { readonly do: "move"; readonly at: number; readonly to: number }
  | { readonly do: "ask" | "reload" }
  | { readonly do: "decide"; readonly choice: "mine" | "theirs" }
  | { readonly do: "send"; readonly fates: Fate[] };

const at = fc.nat(7);
const text = fc.constantFrom("tea", "milk", "bread", "salt");
const fields: fc.Arbitrary<Fields> = fc.record(
  { name: text, notes: fc.option(text), due: fc.option(fc.constantFrom("2026-11-25", "2026-12-01")) },
  { requiredKeys: [] },
);
const fate = fc.constantFrom<Fate>("arrives", "arrives", "request lost", "answer lost");
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constantFrom("add", "toggle", "remove", "undo"), at }),
  fc.record({ do: fc.constantFrom("other toggles", "other removes", "other restores"), at }),
  fc.record({ do: fc.constantFrom("edit", "other edits"), at, fields }),
  fc.record({ do: fc.constant("move" as const), at, to: at }),
  fc.record({ do: fc.constantFrom("ask", "reload") }),
  fc.record({ do: fc.constant("decide" as const), choice: fc.constantFrom("mine", "theirs") }),
  fc.record({ do: fc.constant("send" as const), fates: fc.array(fate, { maxLength: 5 }) }),
) as fc.Arbitrary<Command>;

function one<T>(things: readonly T[], index: number): T | undefined {
  return things[index % Math.max(1, things.length)];
}

async function run(server: Server, browser: Browser, all: readonly Command[]): Promise<void> {
  for (const step of all) {
    switch (step.do) {
      case "add":
        browser.intents.add(`task ${step.at}`);
        break;
      case "edit": {
        const item = browser.data.items.get(one(browser.keys, step.at) ?? "");
        if (item) browser.intents.edit(item, step.fields);
        break;
      }
      case "toggle":
        browser.intents.toggle(one(browser.keys, step.at) ?? "");
        break;
      case "remove":
        browser.intents.remove(one(browser.keys, step.at) ?? "");
        break;
      case "undo":
        browser.intents.undo();
        break;
      case "move":
        browser.intents.move(one(browser.keys, step.at) ?? "", one(browser.keys, step.to) ?? "");
        break;
      case "other toggles": {
        const task = one([...server.tasks.values()], step.at);
        if (task) server.change(task.id, { done: !task.done });
        break;
      }
      case "other edits":
        server.change(one([...server.tasks.keys()], step.at) ?? "", step.fields);
        break;
      case "other removes":
        server.remove(one([...server.tasks.keys()], step.at) ?? "");
        break;
      case "other restores":
        server.restore(one([...server.removed.keys()], step.at) ?? "");
        break;
      case "ask":
        await browser.ask();
        break;
      case "reload":
        browser.reload();
        break;
      case "decide":
        browser.decide(step.choice);
        break;
      case "send":
        await browser.send([...step.fates]);
        break;
    }
  }
}

/** The network is good again, and the person decides what there is to decide. */
async function settle(browser: Browser): Promise<void> {
  let rounds = 0;
  do {
    await browser.send([]);
    while (await browser.ask());
    await browser.send([]);
    expect(browser.unseen).toEqual([]);
    rounds += 1;
    expect(rounds).toBeLessThan(50);
  } while (browser.decide("mine") || browser.data.operations.size > 0);
}

test("whatever is done, lost, reloaded and done by others, the page ends with what the server has, and nothing twice", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
      const server = new Server();
      for (const name of ["first", "second"]) server.create({ name });
      const browser = new Browser(server);
      await run(server, browser, commands);
      await settle(browser);
      const shown = [...browser.data.items.values()].map((item) => item.task);
      const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
      expect(shown.sort(byId)).toEqual([...server.tasks.values()].sort(byId));
      expect([...server.carriedOut.values()].filter((count) => count > 1)).toEqual([]);
    }),
    { numRuns: 1000 },
  );
}, 120_000);

test("nothing that a person added or wrote is lost", async () => {
  const mine = fc.oneof(
    fc.record({ do: fc.constant("add" as const), at }),
    fc.record({ do: fc.constant("edit" as const), at, fields }),
    fc.record({ do: fc.constant("send" as const), fates: fc.array(fate, { maxLength: 5 }) }),
    fc.record({ do: fc.constantFrom("other toggles" as const, "other removes" as const), at }),
    fc.record({ do: fc.constant("other edits" as const), at, fields }),
    fc.record({ do: fc.constantFrom("ask" as const, "reload" as const) }),
  ) as fc.Arbitrary<Command>;
  await fc.assert(
    fc.asyncProperty(fc.array(mine, { maxLength: 30 }), text, async (commands, name) => {
      const server = new Server();
      server.create({ name: "theirs" });
      const browser = new Browser(server);
      while (await browser.ask());
      await run(server, browser, commands);
      const key = browser.intents.add("mine");
      await run(server, browser, commands);
      // The last word of the person on this task: whatever others make of it meanwhile, the person keeps it when asked.
      const item = browser.data.items.get(key ?? "");
      if (item) browser.intents.edit(item, { notes: `at last ${name}` });
      await settle(browser);
      if (item) expect(browser.data.items.get(key ?? "")?.task.notes).toBe(`at last ${name}`);
      expect([...server.carriedOut.values()].filter((count) => count > 1)).toEqual([]);
    }),
    { numRuns: 300 },
  );
}, 120_000);

async function two(): Promise<{ server: Server; browser: Browser; id: string }> {
  const server = new Server();
  const { id } = server.create({ name: "tea" });
  const browser = new Browser(server);
  await browser.ask();
  return { server, browser, id };
}

function edit(browser: Browser, id: string, wanted: Fields): void {
  const item = browser.data.items.get(id);
  if (item) browser.intents.edit(item, wanted);
}

test("a rename and somebody else's done both hold", async () => {
  const { server, browser, id } = await two();
  edit(browser, id, { name: "green tea" });
  server.change(id, { done: true });
  await browser.send([]);
  expect(server.tasks.get(id)).toMatchObject({ name: "green tea", done: true });
});

test("two names are shown to the person, who chooses", async () => {
  for (const choice of ["mine", "theirs"] as const) {
    const { server, browser, id } = await two();
    edit(browser, id, { name: "green tea", due: "2026-11-25" });
    server.change(id, { name: "black tea" });
    await browser.send([]);
    const { trouble, task } = browser.data.items.get(id) ?? {};
    expect(trouble?.what).toMatchObject({ kind: "collision", fields: ["name"], theirs: { name: "black tea" } });
    expect(task?.name).toBe("green tea");
    expect(server.tasks.get(id)?.name).toBe("black tea");
    browser.decide(choice);
    await browser.send([]);
    const name = choice === "mine" ? "green tea" : "black tea";
    expect(server.tasks.get(id)).toMatchObject({ name, due: "2026-11-25" });
    expect(browser.data.items.get(id)?.trouble).toBeNull();
  }
});

test("a change whose answer was lost is not a conflict with itself, even when others wrote since", async () => {
  const { server, browser, id } = await two();
  edit(browser, id, { name: "green tea" });
  await browser.send(["answer lost"]);
  server.change(id, { name: "black tea" });
  while (await browser.ask());
  await browser.send([]);
  expect(browser.data.items.get(id)).toMatchObject({ trouble: null, task: { name: "black tea" } });
});

test("a task whose creation was not answered is there once, also when news of it come first", async () => {
  const server = new Server();
  const browser = new Browser(server);
  browser.intents.add("tea");
  await browser.send(["answer lost"]);
  while (await browser.ask());
  browser.reload();
  await browser.send([]);
  expect([...browser.data.items.values()].map((item) => item.task.name)).toEqual(["tea"]);
  expect(server.tasks.size).toBe(1);
});

test("a removal that was carried out and undone elsewhere is not repeated", async () => {
  const { server, browser, id } = await two();
  browser.intents.remove(id);
  await browser.send(["answer lost"]);
  server.restore(id);
  await browser.send([]);
  expect(server.tasks.has(id)).toBe(true);
  expect(browser.data.items.has(id)).toBe(true);
});

test("what was written on a task that somebody removed is asked about; a mark alone is let go", async () => {
  const { server, browser, id } = await two();
  edit(browser, id, { notes: "two bags" });
  server.remove(id);
  await browser.send([]);
  expect(browser.data.items.get(id)).toMatchObject({
    task: { notes: "two bags" },
    trouble: { what: { kind: "removed" } },
  });
  browser.decide("mine");
  await browser.send([]);
  expect(server.tasks.get(id)?.notes).toBe("two bags");
  while (await browser.ask());
  browser.intents.toggle(id);
  server.remove(id);
  await browser.send([]);
  expect(browser.data.items.has(id)).toBe(false);
});

test("a task whose creation was not answered, and that somebody removed, is asked about when more was written", async () => {
  for (const choice of ["mine", "theirs"] as const) {
    const server = new Server();
    const browser = new Browser(server);
    const key = browser.intents.add("tea") ?? "";
    await browser.send(["answer lost"]);
    edit(browser, key, { notes: "two bags" });
    for (const id of [...server.tasks.keys()]) server.remove(id);
    await browser.send([]);
    const asked = { task: { name: "tea", notes: "two bags" }, trouble: { what: { kind: "removed" } } };
    expect(browser.data.items.get(key)).toMatchObject(asked);
    browser.decide(choice);
    await browser.send([]);
    const left = choice === "mine" ? [{ name: "tea", notes: "two bags" }] : [];
    expect([...server.tasks.values()].map(({ name, notes }) => ({ name, notes }))).toEqual(left);
    expect(browser.data.operations.size).toBe(0);
  }
});

test("a removal that is taken back, of a task that somebody removed before we knew its id, makes it anew", async () => {
  const server = new Server();
  const browser = new Browser(server);
  const key = browser.intents.add("tea") ?? "";
  await browser.send(["answer lost"]);
  browser.intents.remove(key);
  browser.intents.undo();
  for (const id of [...server.tasks.keys()]) server.remove(id);
  await browser.send([]);
  expect([...server.tasks.values()].map((task) => task.name)).toEqual(["tea"]);
  expect(browser.keys).toEqual([key]);
});

test("what is asked about two names is asked about the removal, when the task was removed meanwhile", async () => {
  const { server, browser, id } = await two();
  edit(browser, id, { name: "green tea" });
  server.change(id, { name: "black tea" });
  await browser.send([]);
  expect(browser.data.items.get(id)?.trouble?.what.kind).toBe("collision");
  server.remove(id);
  while (await browser.ask());
  await browser.send([]);
  expect(browser.data.items.get(id)).toMatchObject({
    task: { name: "green tea" },
    trouble: { what: { kind: "removed" } },
  });
  server.restore(id);
  while (await browser.ask());
  await browser.send([]);
  expect(browser.data.items.get(id)?.trouble?.what.kind).toBe("collision");
});

test("who removes what they are asked about is asked no more; undone, it is asked again", async () => {
  const { server, browser, id } = await two();
  edit(browser, id, { name: "green tea" });
  server.change(id, { name: "black tea" });
  await browser.send([]);
  browser.intents.remove(id);
  expect(browser.keys).toEqual([]);
  await browser.send([]);
  expect(browser.data.operations.size).toBe(0);
  expect(server.tasks.size).toBe(0);
  browser.intents.undo();
  await browser.send([]);
  expect(browser.data.items.get(id)).toMatchObject({
    task: { name: "green tea" },
    trouble: { what: { kind: "collision", theirs: { name: "black tea" } } },
  });
});

test("what can no longer be restored is made anew", async () => {
  const { server, browser, id } = await two();
  browser.intents.remove(id);
  await browser.send([]);
  server.removed.clear();
  browser.intents.undo();
  await browser.send([]);
  expect([...server.tasks.values()].map((task) => task.name)).toEqual(["tea"]);
});

test("what two people set to the same needs no request", async () => {
  const { server, browser, id } = await two();
  browser.intents.toggle(id);
  server.change(id, { done: true });
  const { version } = server.tasks.get(id) ?? {};
  while (await browser.ask());
  await browser.send([]);
  expect(server.tasks.get(id)?.version).toBe(version);
  expect(browser.data.operations.size).toBe(0);
});

test("new tasks stay newest first while one after the other is answered, whatever the server's clock says", async () => {
  for (const clock of [Date.now() - 86_400_000, Date.now(), Date.now() + 86_400_000]) {
    const browser = new Browser(new Server(clock));
    const first = ["wash up", "drink tea", "buy tea"].map((name) => browser.intents.add(name)).reverse();
    expect(browser.keys).toEqual(first);
    for (let answered = 1; answered <= 2; answered += 1) {
      await browser.send(["arrives", "request lost"]);
      expect(browser.keys, `${answered} answered`).toEqual(first);
    }
    const last = browser.intents.add("sleep");
    expect(browser.keys).toEqual([last, ...first]);
    await browser.send([]);
    expect(browser.keys).toEqual([last, ...first]);
    expect(browser.data.operations.size).toBe(0);
  }
});
