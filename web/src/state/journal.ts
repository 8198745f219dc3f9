/**
 * What has been done and is not in IndexedDB yet: a page that is reloaded or closed takes the transactions under way with
 * it. Each line is an item of its own, so that tabs do not write over one another's.
 */

import type { Change } from "../model/data.ts";

const PREFIX = "tasks.journal.";

interface Line {
  /** Lines are made in this order. */
  readonly order: number;
  readonly account: string;
  readonly change: Change;
}

let last = 0;

export const journal = {
  /** Notes a change of an account, and returns what takes the note back. */
  note(account: string, change: Change): () => void {
    const name = PREFIX + crypto.randomUUID();
    last = Math.max(Date.now(), last + 0.001);
    const line: Line = { order: last, account, change };
    try {
      localStorage.setItem(name, JSON.stringify(line));
    } catch {
      // A file of ten thousand tasks, say, is more than it takes: IndexedDB alone has that.
    }
    return () => localStorage.removeItem(name);
  },

  /** Returns what was noted of an account, in order, and forgets it all. */
  take(account: string): readonly Change[] {
    const lines = names().map((name) => JSON.parse(localStorage.getItem(name) ?? "null") as Line | null);
    this.clear();
    return lines
      .filter((line) => line !== null)
      .filter((line) => line.account === account)
      .sort((a, b) => a.order - b.order)
      .map((line) => line.change);
  },

  clear(): void {
    for (const name of names()) localStorage.removeItem(name);
  },
};

function names(): readonly string[] {
  return Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
}
