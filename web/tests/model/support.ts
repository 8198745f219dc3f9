import type { Item } from "../../src/model/operation.ts";
import type { Task } from "../../src/model/task.ts";

let count = 0;

/** Returns a task of the server's, with a new id, less what is given. */
export function task(fields: Partial<Task> = {}): Task {
  count += 1;
  const id = count.toString(16).padStart(24, "0");
  const createdOn = new Date(Date.UTC(2026, 10, 25) + count).toISOString();
  const empty = { name: `task ${count}`, done: false, notes: null, due: null, rank: null };
  return { id, createdOn, updatedOn: createdOn, version: 1000 + count, ...empty, ...fields };
}

/** Returns what the list has of such a task. */
export function item(fields: Partial<Task> = {}): Item {
  const made = task(fields);
  return { key: made.id, task: made, pending: false, trouble: null };
}
