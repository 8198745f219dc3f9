/** A task being edited, in its row. Enter saves, Escape gives up, leaving it saves. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n/messages.ts";
import { fromFields, toFields } from "../model/dates.ts";
import type { Item } from "../model/operation.ts";
import { bytes, cleanName, cleanNotes, MAX_NAME, MAX_NOTES } from "../model/task.ts";
import { drafts } from "../state/drafts.ts";
import type { Draft } from "../state/state.ts";
import { type App, useApp, useStore } from "./context.ts";
import { DueFields, MoveButton } from "./editor-parts.tsx";
import { removeAt } from "./row-actions.ts";

export function startEditing({ engine }: App, { key, task }: Item): void {
  const draft = { key, seen: task, name: task.name, notes: task.notes ?? "", ...toFields(task.due) };
  engine.show({ editing: draft, selected: key, focus: null });
}

/** Ends editing with what was typed. A name that was emptied removes the task, which can be undone. */
function save(app: App, items: readonly Item[], index: number): boolean {
  const { engine, intents } = app;
  const draft = engine.store.state.editing;
  const item = items[index];
  if (draft === null || item?.key !== draft.key) return false;
  if (bytes(draft.notes) > MAX_NOTES) {
    engine.show({ toast: { kind: "error", text: t("error-notes") } });
    return false;
  }
  close(app);
  if (cleanName(draft.name) === "") {
    removeAt(app, items, index);
    return false;
  }
  const { seen } = draft;
  const fields = { notes: notesOf(draft.notes, seen.notes), due: fromFields(draft, seen.due) };
  const name = draft.name === seen.name ? seen.name : cleanName(draft.name);
  intents.edit({ ...item, task: seen }, { ...fields, name });
  return true;
}

/** Notes that were not touched stay as they are, to the last blank. */
function notesOf(typed: string, before: string | null): string | null {
  return typed === (before ?? "").replaceAll("\r\n", "\n") ? before : cleanNotes(typed);
}

function close({ engine }: App): void {
  drafts.editing = null;
  engine.show({ editing: null });
}

interface EditorProps {
  readonly item: Item;
  readonly items: readonly Item[];
  readonly index: number;
}

export function Editor({ item, items, index }: EditorProps) {
  const app = useApp();
  const draft = useStore((state) => state.editing) as Draft;
  const box = useRef<HTMLFieldSetElement>(null);
  const name = useRef<HTMLInputElement>(null);
  const { key } = item;
  useLayoutEffect(() => {
    name.current?.focus();
    name.current?.select();
  }, []);

  function change(values: Partial<Draft>) {
    const next = { ...draft, ...values };
    drafts.editing = next;
    app.engine.show({ editing: next });
  }
  function finish() {
    if (save(app, items, index)) app.engine.show({ focus: key });
  }
  function onKeyDown(event: KeyboardEvent) {
    if (event.isComposing) return;
    const isText = event.target instanceof HTMLTextAreaElement;
    if (event.key === "Escape") {
      close(app);
      app.engine.show({ focus: key });
    } else if (event.key === "Enter" && event.target instanceof HTMLInputElement) {
      event.preventDefault();
      finish();
    } else if (event.key === "Enter" && isText && (event.ctrlKey || event.metaKey)) finish();
  }
  function onFocusOut(event: FocusEvent) {
    const from = event.target as Element;
    // Where the focus went is known when this event is over. When the window lost it, or what had it went out of sight,
    // the editor was not left.
    setTimeout(() => {
      const left = from.isConnected && document.hasFocus() && !box.current?.contains(document.activeElement);
      if (left && document.querySelector("dialog[open]") === null) save(app, items, index);
    });
  }
  // A click on what cannot have the focus leaves the editor, too.
  useEffect(() => {
    const press = (event: PointerEvent) => {
      const target = event.target as Element;
      if (!box.current?.contains(target) && target.closest("dialog") === null) save(app, items, index);
    };
    document.addEventListener("pointerdown", press);
    return () => document.removeEventListener("pointerdown", press);
  }, [app, items, index]);

  return (
    <fieldset
      ref={box}
      class="editor"
      aria-label={t("edit", { name: item.task.name })}
      onKeyDown={onKeyDown}
      onFocusOut={onFocusOut}
    >
      <input
        ref={name}
        class="edit-name"
        aria-label={t("name")}
        dir="auto"
        maxLength={MAX_NAME}
        value={draft.name}
        onInput={(event) => change({ name: event.currentTarget.value })}
      />
      <textarea
        class="edit-notes"
        aria-label={t("notes")}
        placeholder={t("notes")}
        dir="auto"
        rows={3}
        value={draft.notes}
        onInput={(event) => change({ notes: event.currentTarget.value })}
      />
      <DueFields draft={draft} change={change} />
      <div class="edit-buttons">
        <button type="button" class="button primary" onClick={finish}>
          {t("save")}
        </button>
        <button
          type="button"
          class="button"
          onClick={() => {
            close(app);
            app.engine.show({ focus: key });
          }}
        >
          {t("cancel")}
        </button>
        <MoveButton by={-1} {...{ items, index }} />
        <MoveButton by={1} {...{ items, index }} />
      </div>
    </fieldset>
  );
}
