// Version 2 of the contract, by Thrift's own library for Node.
//
//   node versions.js PORT FOLDER
//
// with the folder of what was generated from tasks.thrift. Ends with status 0 when every answer was the expected one.

"use strict";

const assert = require("assert");
const path = require("path");
const thrift = require("thrift");

const [port, folder] = process.argv.slice(2);
const Tasks = require(path.join(folder, "Tasks"));
const types = require(path.join(folder, "tasks_types"));

async function converse(client) {
  const user = `node ${process.pid}`;
  const fields = new types.TaskFields({ name: "tea", notes: "n", due: "2026-11-25", rank: "a" });
  const task = await client.create(user, fields, "k");
  assert.deepStrictEqual([task.name, task.notes, task.due, task.rank, task.done], ["tea", "n", "2026-11-25", "a", false]);

  const condition = new types.Condition({ version: task.version, key: "c" });
  const done = new types.TaskFields({ done: true, notes: "" });
  const changed = await client.change(task.id, user, done, condition);
  assert.strictEqual(changed.done, true);
  assert.strictEqual(Number(changed.version), Number(task.version) + 1);
  assert.strictEqual((await client.change(task.id, user, done, condition)).updatedOn, changed.updatedOn);
  const stale = new types.Condition({ version: task.version });
  await assert.rejects(client.remove(task.id, user, stale), (error) => {
    assert.strictEqual(error.code, 412);
    assert.strictEqual(Number(error.current.version), Number(changed.version));
    return true;
  });

  const first = await client.changes(user, "", 0);
  assert.strictEqual(first.tasks.length, 1);
  const outcomes = await client.batch(user, [
    new types.Change({ kind: types.ChangeKind.CREATE, fields: new types.TaskFields({ name: "new" }) }),
    new types.Change({ kind: types.ChangeKind.REMOVE, taskId: task.id }),
    new types.Change({ kind: types.ChangeKind.RESTORE, taskId: "17" }),
  ]);
  assert.deepStrictEqual(outcomes.map((outcome) => outcome.code), [null, null, 400]);
  const news = await client.changes(user, first.sync, 1000);
  assert.deepStrictEqual(news.removed.map((one) => one.id), [task.id]);
  assert.strictEqual((await client.restore(task.id, user)).name, "tea");
  const page = await client.find(user, new types.PageQuery({ limit: 1 }));
  assert.ok(page.nextCursor);
  assert.strictEqual(Number(await client.removeAll(user)), 2);
}

const connection = thrift.createConnection("127.0.0.1", Number(port), { timeout: 30000 });
converse(thrift.createClient(Tasks, connection)).then(
  () => connection.end(),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
