/** What has been typed and not yet been done, so that a reload does not lose it. Kept for the tab alone. */

import type { Draft } from "./state.ts";

const NEW = "tasks.new";
const EDITING = "tasks.editing";
const OWNER = "tasks.owner";

export const drafts = {
  /** Forgets what another account left here: it may have been logged out in another tab, or while this one slept. */
  belongTo(account: string | null): void {
    if (sessionStorage.getItem(OWNER) === account) return;
    for (const name of [NEW, EDITING]) sessionStorage.removeItem(name);
    keep(OWNER, account);
  },
  get newTask(): string {
    return sessionStorage.getItem(NEW) ?? "";
  },
  set newTask(text: string) {
    keep(NEW, text === "" ? null : text);
  },
  get editing(): Draft | null {
    const text = sessionStorage.getItem(EDITING);
    return text === null ? null : (JSON.parse(text) as Draft);
  },
  set editing(draft: Draft | null) {
    keep(EDITING, draft && JSON.stringify(draft));
  },
};

function keep(name: string, text: string | null): void {
  if (text === null) sessionStorage.removeItem(name);
  else sessionStorage.setItem(name, text);
}
