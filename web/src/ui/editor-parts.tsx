/** Parts of the editor: when a task is due, and its place without dragging. */

import { t } from "../i18n/messages.ts";
import { daysFrom } from "../model/dates.ts";
import type { Item } from "../model/operation.ts";
import type { Draft } from "../state/state.ts";
import { useApp } from "./context.ts";

/** Order by hand without dragging, and without a keyboard. */
export function MoveButton({
  items,
  index,
  by,
}: {
  readonly items: readonly Item[];
  readonly index: number;
  readonly by: 1 | -1;
}) {
  const { intents } = useApp();
  const [item, other] = [items[index], items[index + by]];
  function move(event: MouseEvent) {
    if (!item || !other) return;
    const button = event.currentTarget as HTMLButtonElement;
    intents.move(item.key, other.key);
    requestAnimationFrame(() => button.focus()); // a row that moves in the document loses the focus
  }
  const way = by < 0 ? "up" : "down";
  return (
    <button type="button" class={`icon ${way}`} aria-label={t(`move-${way}`)} aria-disabled={!other} onClick={move} />
  );
}

export function DueFields({
  draft,
  change,
}: {
  readonly draft: Draft;
  readonly change: (values: Partial<Draft>) => void;
}) {
  const now = new Date();
  return (
    <div class="edit-due">
      <input
        type="date"
        aria-label={t("due-date")}
        value={draft.date}
        onInput={(event) => change({ date: event.currentTarget.value })}
      />
      <input
        type="time"
        aria-label={t("due-time")}
        disabled={draft.date === ""}
        value={draft.time}
        onInput={(event) => change({ time: event.currentTarget.value })}
      />
      <button type="button" class="chip" onClick={() => change({ date: daysFrom(now, 0) })}>
        {t("today")}
      </button>
      <button type="button" class="chip" onClick={() => change({ date: daysFrom(now, 1) })}>
        {t("tomorrow")}
      </button>
      <button type="button" class="chip" onClick={() => change({ date: "", time: "" })}>
        {t("no-date")}
      </button>
    </div>
  );
}
