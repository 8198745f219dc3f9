import { date, relativeDay, t } from "../i18n/messages.ts";
import { dueState, hasTime, moment } from "../model/dates.ts";

interface DueProps {
  readonly due: string | null;
  readonly done: boolean;
  readonly notes: string | null;
}

/** Below the name: when it is due, and that there are notes. */
export function Due({ due, done, notes }: DueProps) {
  const state = due === null ? null : dueState(due, new Date());
  return (
    <span class="meta">
      {due !== null && (
        <span class={`due ${done ? "" : (state ?? "")}`}>
          {!done && state === "overdue" && `${t("overdue")}: `}
          {dueText(due, state)}
        </span>
      )}
      {notes !== null && (
        <span class="notes" dir="auto">
          {notes.trim().split("\n")[0]}
        </span>
      )}
    </span>
  );
}

function dueText(due: string, state: ReturnType<typeof dueState>): string {
  const when = moment(due);
  if (when === null) return due; // what is no date here is shown as it is
  const time = hasTime(due) ? date(when, { timeStyle: "short" }) : "";
  const isNear = state === "today" || state === "tomorrow";
  const day = isNear ? relativeDay(state === "today" ? 0 : 1) : date(when, { dateStyle: "medium" });
  return time === "" ? day : `${day}, ${time}`;
}
