/** Three values of each field: what a person saw, what they made of it, and what the server has now. */

import type { Field, Fields, Task } from "./task.ts";

/**
 * Fields where two people's words stand against each other. Of two who set `done` at least one agrees with the server,
 * and an order made by hand is not worth a question: the later one holds.
 */
const ASKED: readonly Field[] = ["name", "notes", "due"];

/** Returns the fields whose value on the server is neither what the person saw nor what they want. */
export function collisions(fields: Fields, before: Fields, theirs: Task): Field[] {
  return ASKED.filter((field) => field in fields && theirs[field] !== before[field] && theirs[field] !== fields[field]);
}

/** Returns whether giving the change up would lose something that somebody wrote. */
export function isWritten(fields: Fields): boolean {
  return ASKED.some((field) => field in fields && fields[field] !== null);
}
