/** All the page shows comes from this one state; `reduce` is the only thing that makes another of it. */

import { type Change, changed, type Data, EMPTY } from "../model/data.ts";
import { type Filter, ordered } from "../model/list.ts";
import type { Item, Operation } from "../model/operation.ts";
import type { Fields, Task } from "../model/task.ts";
import type { Account } from "../net/accounts.ts";

/**
 * online: the last request was answered. offline: it was not. busy: the server, or what stands before it, cannot answer
 * at the moment.
 */
export type Connection = "online" | "offline" | "busy";

export type Route = { readonly page: "tasks"; readonly filter: Filter } | { readonly page: "account" };

/** What the editor of a task holds. */
export interface Draft {
  readonly key: string;
  /** The task as it was when editing began: what differs from it is what was changed. */
  readonly seen: Task;
  readonly name: string;
  readonly notes: string;
  readonly date: string;
  readonly time: string;
}

/**
 * What one intent did, so that it can be undone: the fields each task had; or the tasks that were removed, and what of
 * them waited for the person.
 */
export type Undo =
  | { readonly kind: "update"; readonly before: readonly { readonly key: string; readonly fields: Fields }[] }
  | { readonly kind: "remove"; readonly items: readonly Item[]; readonly stopped: readonly Operation[] };

export type Toast =
  /** With a button that undoes. */
  | { readonly kind: "removed" | "done" | "todo"; readonly count: number; readonly name: string }
  | { readonly kind: "error" | "note"; readonly text: string };

export interface State {
  /** null: nobody is logged in. */
  readonly account: Account | null;
  /** Whether what was kept in this browser has been read. */
  readonly ready: boolean;
  /** The session ran out: the password is asked for over what is on the screen. */
  readonly expired: boolean;
  /** The secret of a one-time link that was opened: it asks for a new password, whoever is logged in. */
  readonly reset: string | null;
  /** A one-time link has just set a password: the login form says so. */
  readonly passwordSet: boolean;
  readonly data: Data;
  /** The items in their order. */
  readonly order: readonly Item[];
  readonly connection: Connection;
  readonly route: Route;
  readonly query: string;
  /** The key of the task that keys act on. */
  readonly selected: string | null;
  /** The key of the task that is to have the focus, or where else it is to go; null when it is there. */
  readonly focus: string | "new" | "search" | null;
  /** The task that is being edited, and what has been typed so far. */
  readonly editing: Draft | null;
  readonly dialog: "shortcuts" | null;
  readonly toast: Toast | null;
  readonly undo: readonly Undo[];
  /** A new version of the page waits. */
  readonly update: boolean;
  /** Whether this browser keeps what is written when the page is closed. */
  readonly keeps: boolean;
  readonly language: string;
}

export type Action =
  | { readonly type: "change"; readonly change: Change }
  | { readonly type: "account"; readonly account: Account | null; readonly data?: Data }
  /** The same account, perhaps by another name. */
  | { readonly type: "renamed"; readonly account: Account }
  | { readonly type: "show"; readonly values: Partial<Omit<State, "account" | "data" | "order">> };

const MOST_UNDO = 50;

export const START: State = {
  account: null,
  ready: false,
  expired: false,
  reset: null,
  passwordSet: false,
  data: EMPTY,
  order: [],
  connection: "online",
  route: { page: "tasks", filter: "all" },
  query: "",
  selected: null,
  focus: null,
  editing: null,
  dialog: null,
  toast: null,
  undo: [],
  update: false,
  keeps: true,
  language: "en",
};

/**
 * Returns what names a task by its key, when a change gave the task another key: the server may tell of a task that was
 * made here before it answers, and for that moment there are two rows.
 */
function followed(state: State, data: Data): Pick<State, "selected" | "focus" | "editing"> {
  const now = (key: string): string => {
    const id = data.entries.has(key) ? null : (state.data.entries.get(key)?.id ?? null);
    return (id === null ? undefined : data.keys.get(id)) ?? key;
  };
  const { selected, focus, editing } = state;
  return {
    selected: selected === null ? null : now(selected),
    focus: focus === null ? null : now(focus),
    editing: editing === null || now(editing.key) === editing.key ? editing : { ...editing, key: now(editing.key) },
  };
}

/** Returns the state after an action. */
export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "change": {
      const data = changed(state.data, action.change);
      return {
        ...state,
        ...followed(state, data),
        data,
        order: data.items === state.data.items ? state.order : ordered(data.items, state.order),
      };
    }
    case "account": {
      const { reset, route, update, keeps, language } = state;
      const data = action.data ?? EMPTY;
      const order = ordered(data.items, []);
      return { ...START, reset, route, update, keeps, language, ready: true, account: action.account, data, order };
    }
    case "renamed":
      return { ...state, account: action.account };
    case "show": {
      const values = action.values;
      return { ...state, ...values, undo: (values.undo ?? state.undo).slice(-MOST_UNDO) };
    }
  }
}
