/** Finding tasks by words: all of them have to be in the name or the notes, in any case, with accents or without. */

import type { Task } from "./task.ts";

const texts = new WeakMap<Task, string>(); // a task is never altered, so what was worked out of it holds

/** Returns a text as it is compared. */
export function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replaceAll("ß", "ss");
}

/** Returns a test for tasks that hold all words of a query. */
export function matcher(query: string): (task: Task) => boolean {
  const words = folded(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return () => true;
  return (task) => {
    const text = textOf(task);
    return words.every((word) => text.includes(word));
  };
}

function textOf(task: Task): string {
  let text = texts.get(task);
  if (text === undefined) {
    text = folded(`${task.name}\n${task.notes ?? ""}`);
    texts.set(task, text);
  }
  return text;
}
