/**
 * What has been done and is not in IndexedDB yet: a page that is reloaded takes the transactions under way with it.
 * Kept for the tab alone, and only for that moment.
 */

import type { Change } from "../model/data.ts";

const NAME = "tasks.journal";

interface Line {
  readonly id: string;
  readonly account: string;
  readonly change: Change;
}

export const journal = {
  /** Notes a change of an account, and returns what takes the note back. */
  note(account: string, change: Change): () => void {
    const id = crypto.randomUUID();
    write([...read(), { id, account, change }]);
    return () => write(read().filter((line) => line.id !== id));
  },

  /** Returns what was noted of an account, in order, and forgets it all. */
  take(account: string): readonly Change[] {
    const lines = read();
    write([]);
    return lines.filter((line) => line.account === account).map((line) => line.change);
  },
};

// Always as it is in the storage: a logout empties that, and nothing of it may come back.
function read(): readonly Line[] {
  const text = sessionStorage.getItem(NAME);
  return text === null ? [] : (JSON.parse(text) as Line[]);
}

function write(lines: readonly Line[]): void {
  try {
    if (lines.length === 0) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, JSON.stringify(lines));
  } catch {
    // A file of ten thousand tasks, say, is more than it takes: IndexedDB alone has that.
  }
}
