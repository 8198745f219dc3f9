/**
 * What a person did, as something to be sent; and what the server told, as something to build on.
 *
 * An operation is made once, with its key, and goes out with that key however often it has to be repeated. A task is
 * known here by the key of its entry: the server's id for tasks that came from there, one of our own for a task that was
 * made here, from its first moment on and for as long as this browser keeps it.
 */

import type { Field, Fields, Task } from "./task.ts";

/** A task as the server last told it. Of two entries of one key that with the greater version is the newer. */
export interface Entry {
  readonly key: string;
  /** The server's id; null until it has made the task. */
  readonly id: string | null;
  readonly version: number;
  /** null: the server has removed it, or has not made it yet. */
  readonly task: Task | null;
}

/** Why an operation waits for a person. */
export type Trouble =
  /** Somebody else gave these fields another value meanwhile. */
  | { readonly kind: "collision"; readonly fields: readonly Field[]; readonly theirs: Task }
  /** Somebody else removed the task meanwhile. */
  | { readonly kind: "removed" }
  /** The server will not take it; `detail` is its reason. */
  | { readonly kind: "refused"; readonly detail: string };

export interface Operation {
  readonly key: string;
  /** Operations of one task go out in this order. */
  readonly order: number;
  readonly entry: string;
  readonly kind: "create" | "update" | "remove" | "restore";
  /** What it sets (create, update). */
  readonly fields: Fields;
  /** What a person saw in those fields when changing them (update). */
  readonly before: Fields;
  /** The task as it is shown until the server has answered (create, restore). */
  readonly task: Task | null;
  /** The version it was sent against, from when it is sent until its outcome is known. */
  readonly sentVersion: number | null;
  readonly trouble: Trouble | null;
}

/** What is in the list: a task with all that is on its way to the server already done to it. */
export interface Item {
  readonly key: string;
  readonly task: Task;
  /** Whether something of it has not reached the server. */
  readonly pending: boolean;
  readonly trouble: { readonly operation: string; readonly what: Trouble } | null;
}

/** Returns the order operations of one task go out in: by when they were made. */
export function byOrder(a: Operation, b: Operation): number {
  return a.order - b.order || (a.key < b.key ? -1 : 1);
}

/** Returns what is shown of an entry with these operations (in order) on their way; null when nothing is. */
export function itemOf(key: string, entry: Entry | undefined, operations: readonly Operation[]): Item | null {
  let task = entry?.task ?? null;
  for (const operation of operations) task = apply(task, operation);
  const stopped = operations.find((operation) => operation.trouble !== null);
  // What waits for the person is shown, also where the task is removed: nobody decides what they do not see.
  if (task === null && stopped) task = shownWith(stopped, entry);
  if (task === null) return null;
  const trouble = stopped?.trouble ? { operation: stopped.key, what: stopped.trouble } : null;
  return { key, task, pending: operations.length > 0, trouble };
}

function shownWith(stopped: Operation, entry: Entry | undefined): Task | null {
  const task = stopped.task ?? entry?.task ?? null;
  return stopped.kind === "remove" ? task : apply(task, stopped);
}

function apply(task: Task | null, operation: Operation): Task | null {
  switch (operation.kind) {
    case "create":
    case "restore":
      return task ?? operation.task;
    case "update":
      return task && { ...task, ...operation.fields };
    case "remove":
      return null;
  }
}
