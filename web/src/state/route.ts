/** Where in the page somebody is, by the part of the address behind the `#`: every other path is the server's. */

import type { Filter } from "../model/list.ts";
import type { Route } from "./state.ts";

const RESET = "#reset=";

const FILTERS: Readonly<Record<string, Filter>> = { "#/todo": "todo", "#/done": "done" };

export function routeOf(hash: string): Route {
  if (hash === "#/account") return { page: "account" };
  return { page: "tasks", filter: FILTERS[hash] ?? "all" };
}

export function hashOf(filter: Filter): string {
  return filter === "all" ? "#/" : `#/${filter}`;
}

/** Returns the secret of the one-time link that an operator gives to somebody who needs a new password; null without. */
export function resetOf(hash: string): string | null {
  return hash.startsWith(RESET) ? hash.slice(RESET.length) : null;
}

/** Goes to the beginning, in place of where the page is: what the address has behind the `#` leaves the history, too. */
export function leaveHash(): void {
  history.replaceState(null, "", `${location.pathname}${location.search}#/`);
}
