import "fake-indexeddb/auto";
import { afterEach, expect, test } from "vitest";
import type { Operation } from "../../src/model/operation.ts";
import { AccountGone, Database } from "../../src/state/database.ts";
import { task } from "../model/support.ts";

const ada = { id: "a", username: "ada", createdOn: "2026-11-25T00:00:00Z" };
const bob = { id: "b", username: "bob", createdOn: "2026-11-25T00:00:00Z" };

const entry = (name: string) => {
  const made = task({ name });
  return { key: made.id, id: made.id, version: made.version, task: made };
};
const operation: Operation = {
  key: "k",
  order: 1,
  entry: "new-k",
  kind: "create",
  fields: { name: "tea" },
  before: {},
  task: task({ name: "tea" }),
  sentVersion: null,
  trouble: null,
};

afterEach(async () => (await Database.open()).wipe());

async function open(): Promise<Database> {
  const database = await Database.open();
  await database.begin(ada);
  return database;
}

test("what was saved is there when the page is opened again", async () => {
  const database = await open();
  const kept = entry("milk");
  await database.save(ada, { entries: [kept], put: [operation], sync: "s1", complete: true });
  const { account, data } = await (await Database.open()).load();
  expect(account).toEqual(ada);
  expect([...data.items.values()].map((item) => item.task.name).sort()).toEqual(["milk", "tea"]);
  expect(data).toMatchObject({ sync: "s1", complete: true });
  expect(data.operations.get("k")).toEqual(operation);
});

test("a change takes away what is done with, and what the server does not have any more", async () => {
  const database = await open();
  const kept = entry("milk");
  await database.save(ada, { entries: [kept], put: [operation], sync: "s1" });
  await database.save(ada, { forget: [kept.key], drop: ["k"], sync: null });
  const { data } = await database.load();
  expect(data).toMatchObject({ sync: null });
  expect(data.items.size + data.operations.size + data.entries.size).toBe(0);
});

test("after a logout nothing of the account is written any more, whichever tab is late", async () => {
  const [first, second] = [await open(), await Database.open()];
  await first.wipe();
  await expect(second.save(ada, { entries: [entry("milk")] })).rejects.toThrow(AccountGone);
  expect((await first.load()).data.entries.size).toBe(0);
});

test("somebody else's login takes away what was kept of the account before", async () => {
  const database = await open();
  await database.save(ada, { entries: [entry("milk")], put: [operation], sync: "s1" });
  await database.begin(bob);
  const { account, data } = await database.load();
  expect(account).toEqual(bob);
  expect(data.entries.size + data.operations.size).toBe(0);
  expect(data.sync).toBeNull();
  await expect(database.save(ada, {})).rejects.toThrow(AccountGone);
});

test("the same account's login keeps what is there", async () => {
  const database = await open();
  await database.save(ada, { put: [operation] });
  await database.begin({ ...ada, username: "countess" });
  const { account, data } = await database.load();
  expect(account?.username).toBe("countess");
  expect(data.operations.size).toBe(1);
});

test("without IndexedDB the page works as long as it is open, and knows it", async () => {
  const real = globalThis.indexedDB;
  globalThis.indexedDB = {
    open: () => {
      throw new Error("not here");
    },
  } as unknown as IDBFactory;
  try {
    const database = await Database.open();
    expect(database.keeps).toBe(false);
    await database.save(ada, { put: [operation] });
    expect((await database.load()).account).toBeNull();
  } finally {
    globalThis.indexedDB = real;
  }
});
