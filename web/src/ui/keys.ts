/** The keyboard: one key for each thing that is done often. None of them fires while somebody types. */

import { useLayoutEffect } from "preact/hooks";
import type { Key } from "../i18n/messages.ts";
import { preferences } from "../state/preferences.ts";
import { type App, useApp } from "./context.ts";
import { startEditing } from "./editor.tsx";
import { onScreen, removeAt, shift, toggleAt } from "./row-actions.ts";

interface Shortcut {
  /** As KeyboardEvent.key has it. */
  readonly key: string;
  readonly alt?: boolean;
  readonly ctrl?: boolean;
  /** How it is written in the list of keys, and what it does. */
  readonly shown: readonly string[];
  readonly text: Key;
  readonly run: (app: App) => void;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { key: "n", shown: ["n"], text: "key-new", run: ({ engine }) => toTasks(engine, "new") },
  { key: "j", shown: ["j"], text: "key-next", run: (app) => step(app, 1) },
  { key: "k", shown: ["k"], text: "key-previous", run: (app) => step(app, -1) },
  { key: "x", shown: ["x"], text: "key-done", run: (app) => onSelected(app, toggle) },
  { key: "e", shown: ["e"], text: "key-edit", run: (app) => onSelected(app, edit) },
  { key: "Delete", shown: ["Del"], text: "key-delete", run: (app) => onSelected(app, removeAt) },
  { key: "z", ctrl: true, shown: ["Ctrl", "Z"], text: "key-undo", run: ({ intents }) => intents.undo() },
  { key: "/", shown: ["/"], text: "key-search", run: ({ engine }) => toTasks(engine, "search") },
  { key: "ArrowUp", alt: true, shown: ["Alt", "↑"], text: "key-up", run: (app) => onSelected(app, shiftBy(-1)) },
  { key: "ArrowDown", alt: true, shown: ["Alt", "↓"], text: "key-down", run: (app) => onSelected(app, shiftBy(1)) },
  { key: "?", shown: ["?"], text: "key-keys", run: ({ engine }) => engine.show({ dialog: "shortcuts" }) },
];

type OnRow = (app: App, items: ReturnType<typeof onScreen>, index: number) => void;

const toggle: OnRow = (app, items, index) => {
  const { route } = app.engine.store.state;
  toggleAt(app, items, index, route.page === "tasks" && route.filter !== "all");
};
const edit: OnRow = (app, items, index) => {
  const item = items[index];
  if (item) startEditing(app, item);
};
const shiftBy =
  (by: 1 | -1): OnRow =>
  (app, items, index) =>
    shift(app, items, index, by);

export function useKeys(): void {
  const app = useApp();
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      const shortcut = SHORTCUTS.find((one) => isPressed(one, event));
      if (!shortcut || event.defaultPrevented || isTyping(event) || !isAllowed(shortcut)) return;
      event.preventDefault();
      shortcut.run(app);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [app]);
}

function isPressed(shortcut: Shortcut, event: KeyboardEvent): boolean {
  const ctrl = event.ctrlKey || event.metaKey;
  const isCase = shortcut.key.length > 1 || event.key.toLowerCase() === shortcut.key;
  const isKey = shortcut.key.length > 1 ? event.key === shortcut.key : isCase;
  const isShifted = event.shiftKey && /^[a-z]$/i.test(event.key); // Ctrl-Shift-Z is redo elsewhere
  return isKey && !isShifted && event.altKey === (shortcut.alt ?? false) && ctrl === (shortcut.ctrl ?? false);
}

/** Whether keys are text where the focus is, or belong to a dialog. */
function isTyping(event: KeyboardEvent): boolean {
  if (event.isComposing || document.querySelector("dialog[open]") !== null) return true;
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return target.type !== "checkbox" && target.type !== "button";
  // What is typed before a button of the editor is not meant for the list either.
  return target.isContentEditable || target.closest("textarea, select, .editor") !== null;
}

/** Single keys can be turned off: speech input and shaking hands press them by chance (WCAG 2.1.4). */
function isAllowed({ key, alt, ctrl }: Shortcut): boolean {
  return preferences.keys || alt === true || ctrl === true || key.length > 1;
}

function toTasks(engine: App["engine"], focus: "new" | "search"): void {
  if (engine.store.state.route.page !== "tasks") location.hash = "#/";
  engine.show({ focus });
}

function onSelected(app: App, run: OnRow): void {
  const items = onScreen(app);
  const index = items.findIndex((item) => item.key === app.engine.store.state.selected);
  if (index !== -1) run(app, items, index);
}

/** Selects the next row, or the previous; the first one when none is. */
function step(app: App, by: 1 | -1): void {
  const items = onScreen(app);
  const index = items.findIndex((item) => item.key === app.engine.store.state.selected);
  const next =
    items[index === -1 ? (by > 0 ? 0 : items.length - 1) : Math.max(0, Math.min(items.length - 1, index + by))];
  if (next) app.engine.show({ focus: next.key, selected: next.key });
}
