/**
 * What to do with the operation at the head of a task's queue, and what its answer means. Pure: the sender asks `step`,
 * sends what it says, and tells `settle` what came back.
 *
 * While the outcome of a sending is unknown, the same request is repeated, with the same key and version: the server
 * recognises it. Only a definite answer (412) leads to a new request.
 */

import { collisions, isWritten } from "./merge.ts";
import { byOrder, type Entry, type Operation, type Trouble } from "./operation.ts";
import { differing, type Task } from "./task.ts";

export type Step =
  /** Send it, against this version of the task (`null`: against none). `again`: it may have been carried out already. */
  | { readonly do: "send"; readonly version: number | null; readonly again: boolean }
  /** A person has to decide first. */
  | { readonly do: "ask"; readonly trouble: Trouble }
  /** Nothing is left of the task: a create takes the place of the operation. */
  | { readonly do: "make anew"; readonly create: Operation }
  /** The server is as the operation wants it already. */
  | { readonly do: "drop" };

/** The server's definite answer: its status, and what came with it. */
export interface Answer {
  readonly status: number;
  readonly task?: Task;
  /** With 412: the task as it is. */
  readonly current?: Task;
  readonly detail?: string;
}

/** What an answer changes: the entry, and the operation (null: it is done). */
export interface Outcome {
  readonly entry: Entry;
  readonly operation: Operation | null;
}

/** Returns the first operation of each task that can go out now, in the order they were made. */
export function heads(operations: Iterable<Operation>, entries: ReadonlyMap<string, Entry>): Operation[] {
  const first = new Map<string, Operation>();
  for (const operation of operations) {
    const other = first.get(operation.entry);
    if (other === undefined || byOrder(operation, other) < 0) first.set(operation.entry, operation);
  }
  return [...first.values()]
    .map((operation) =>
      isOvertaken(operation, entries.get(operation.entry)) ? { ...operation, trouble: null } : operation,
    )
    .filter((operation) => operation.trouble === null)
    .sort(byOrder);
}

/** Whether the question that an operation waits for is another one by now: the task was removed, or is there again. */
function isOvertaken({ kind, trouble }: Operation, entry: Entry | undefined): boolean {
  if (trouble === null || (kind !== "update" && kind !== "remove")) return false;
  const isRemoved = (entry?.task ?? null) === null;
  return isRemoved !== (trouble.kind === "removed");
}

/** Returns what to do with an operation, given its task as the server last told it. */
export function step(operation: Operation, entry: Entry | undefined): Step {
  const again = operation.sentVersion !== null;
  const version = operation.sentVersion ?? entry?.version ?? null;
  const send: Step = { do: "send", version, again };
  if (again || operation.kind === "create") return send;
  const theirs = entry?.task ?? null;
  if (operation.kind === "restore") return theirs ? { do: "drop" } : restoration(operation, entry, send);
  if (operation.kind === "remove") return theirs ? send : { do: "drop" };
  if (theirs === null) {
    return isWritten(operation.fields) ? { do: "ask", trouble: { kind: "removed" } } : { do: "drop" };
  }
  const fields = collisions(operation.fields, operation.before, theirs);
  if (fields.length > 0) return { do: "ask", trouble: { kind: "collision", fields, theirs } };
  return Object.keys(differing(theirs, operation.fields)).length > 0 ? send : { do: "drop" };
}

/** Returns how to restore: a task whose creation was answered with 410 has no id here by which the server could. */
function restoration(operation: Operation, entry: Entry | undefined, send: Step): Step {
  if (entry && entry.id !== null) return send;
  const create = anew(operation);
  return create ? { do: "make anew", create } : { do: "drop" };
}

/** Returns what the answer to an operation changes. `sent` is what `step` said when it went out. */
export function settle(operation: Operation, entry: Entry, sent: Step & { do: "send" }, answer: Answer): Outcome {
  if (answer.task) return { entry: newer(entry, answer.task), operation: null };
  const removed = { ...entry, task: null };
  switch (answer.status) {
    case 204:
      return { entry: { ...removed, version: Math.max(entry.version, (sent.version ?? 0) + 1) }, operation: null };
    case 404:
      if (operation.kind === "remove") return { entry: removed, operation: null };
      if (operation.kind === "restore") return makeAnew(operation, entry);
      // The next step asks the person, or drops it.
      return { entry: removed, operation: { ...operation, sentVersion: null } };
    case 410: // made, and removed by somebody since
      return { entry: removed, operation: null };
    case 412: {
      const now = answer.current ? newer(entry, answer.current) : entry;
      // It was carried out and undone elsewhere, or never carried out: to remove it now may be once too often.
      if (operation.kind === "remove" && sent.again) return { entry: now, operation: null };
      return { entry: now, operation: { ...operation, sentVersion: null } };
    }
    default:
      return {
        entry,
        operation: { ...operation, sentVersion: null, trouble: { kind: "refused", detail: answer.detail ?? "" } },
      };
  }
}

/** Returns the entry with the task, unless what it has is newer. */
export function newer(entry: Entry, task: Task): Entry {
  return task.version >= entry.version
    ? { ...entry, id: task.id, version: task.version, task }
    : { ...entry, id: task.id };
}

function makeAnew(operation: Operation, entry: Entry): Outcome {
  const create = anew(operation);
  return create
    ? { entry: { ...entry, id: null, version: 0, task: null }, operation: create }
    : { entry, operation: null };
}

/** Returns what makes anew, from what was shown, what cannot be restored; null when nothing was shown. */
function anew(operation: Operation): Operation | null {
  if (operation.task === null) return null;
  const { name, done, notes, due, rank } = operation.task;
  const fields = { name, done, notes, due, rank };
  return { ...operation, key: `${operation.key}-anew`, kind: "create", fields, sentVersion: null };
}
