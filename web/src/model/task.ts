/** What a task is, as the API has it, and the rules of its fields that a person can run into. */

export interface Task {
  readonly id: string;
  readonly name: string;
  readonly done: boolean;
  readonly createdOn: string;
  readonly updatedOn: string;
  readonly version: number;
  readonly notes: string | null;
  readonly due: string | null;
  readonly rank: string | null;
}

/** The fields a person changes. */
export type Fields = Partial<Pick<Task, "name" | "done" | "notes" | "due" | "rank">>;
export type Field = keyof Fields;

export const MAX_NAME = 4096; // characters
export const MAX_NOTES = 16_384; // bytes of UTF-8

/** Returns a name as it is kept: no blanks around it, no line ends in it, no NUL; "" when nothing is left. */
export function cleanName(typed: string): string {
  return [
    ...typed
      .replaceAll("\0", "")
      .replace(/\s*[\r\n\u2028\u2029]+\s*/g, " ")
      .trim(),
  ]
    .slice(0, MAX_NAME)
    .join("");
}

/** Returns notes as they are kept; null when there is nothing in them. */
export function cleanNotes(typed: string): string | null {
  const kept = typed.replaceAll("\0", "").replaceAll("\r\n", "\n");
  return kept.trim() === "" ? null : kept;
}

/** Returns how many bytes of UTF-8 a text takes. */
export function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Returns the fields of `wanted` that differ from the task's. */
export function differing(task: Task, wanted: Fields): Fields {
  const entries = Object.entries(wanted) as [Field, Fields[Field]][];
  return Object.fromEntries(entries.filter(([field, value]) => task[field] !== value));
}

/** Returns what the task has in the fields that `fields` names. */
export function pick(task: Task, fields: Fields): Fields {
  return Object.fromEntries((Object.keys(fields) as Field[]).map((field) => [field, task[field]]));
}
