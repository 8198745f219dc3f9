/** One task of the list. Few elements: a screen full of them is to stay quick. */

import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n/messages.ts";
import type { Item } from "../model/operation.ts";
import { useApp, useStore } from "./context.ts";
import { Due } from "./due.tsx";
import { Editor, startEditing } from "./editor.tsx";
import { removeAt, toggleAt } from "./row-actions.ts";
import { TroubleBox } from "./trouble.tsx";

interface RowProps {
  readonly item: Item;
  readonly items: readonly Item[];
  readonly index: number;
  /** Whether a task that is done, or not any more, leaves the list. */
  readonly isHidden: boolean;
  /** Where a row that is dragged would be put. */
  readonly drop: "before" | "after" | null;
}

export function Row({ item, items, index, isHidden, drop }: RowProps) {
  const app = useApp();
  const { key, task } = item;
  const checkbox = useRef<HTMLInputElement>(null);
  const editing = useStore((state) => state.editing?.key === key);
  const wanted = useStore((state) => state.focus === key);
  useLayoutEffect(() => {
    // Keys may be quicker than drawing: by now another row may be wanted.
    if (!wanted || app.engine.store.state.focus !== key) return;
    checkbox.current?.focus({ preventScroll: true });
    app.engine.show({ focus: null, selected: key });
  }, [wanted, key, app]);

  return (
    <li
      class={`row${task.done ? " done" : ""}${item.pending ? " pending" : ""}${drop ? ` drop-${drop}` : ""}`}
      data-key={key}
      aria-setsize={items.length}
      aria-posinset={index + 1}
    >
      <span class="grip" data-grip={key} aria-hidden="true" />
      <input
        ref={checkbox}
        type="checkbox"
        class="check"
        aria-label={task.name}
        checked={task.done}
        onChange={() => toggleAt(app, items, index, isHidden)}
      />
      {editing ? (
        <Editor item={item} items={items} index={index} />
      ) : (
        <button
          type="button"
          class="name"
          aria-label={t("edit", { name: task.name })}
          onClick={() => startEditing(app, item)}
        >
          <span class="text" dir="auto">
            {task.name}
          </span>
          {(task.due !== null || task.notes !== null) && <Due due={task.due} done={task.done} notes={task.notes} />}
        </button>
      )}
      <button
        type="button"
        class="icon delete"
        aria-label={t("delete", { name: task.name })}
        onClick={() => removeAt(app, items, index)}
      />
      {item.trouble && <TroubleBox item={item} operation={item.trouble.operation} trouble={item.trouble.what} />}
    </li>
  );
}
