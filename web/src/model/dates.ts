/**
 * Due dates: a date (`2026-11-25`), or a date and time with an offset (`2026-11-25T14:30:00+01:00`), kept as they were
 * sent. A date alone is that day wherever the person is.
 */

export type DueState = "overdue" | "today" | "tomorrow" | "later";

/** What the two fields of the editor hold; "" for none. */
export interface DueFields {
  readonly date: string;
  readonly time: string;
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** Returns the moment a due date-time means; of a date alone, the start of that day here. null: it is none. */
export function moment(due: string): Date | null {
  const date = DATE.test(due) ? new Date(`${due}T00:00:00`) : new Date(due);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** Returns whether a due date says a time of day. */
export function hasTime(due: string): boolean {
  return !DATE.test(due);
}

/** Returns a moment's day here, as an input of type date has it. */
export function dayOf(date: Date): string {
  return `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** Returns the day that many days from a moment, here; summer time or not. */
export function daysFrom(now: Date, days: number): string {
  return dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() + days));
}

/** Returns how a due date stands to now. null: it is no date. */
export function dueState(due: string, now: Date): DueState | null {
  const date = moment(due);
  if (date === null) return null;
  const day = dayOf(date);
  const today = dayOf(now);
  if (day < today || (hasTime(due) && date <= now)) return "overdue";
  if (day === today) return "today";
  return day === daysFrom(now, 1) ? "tomorrow" : "later";
}

/** Returns what the editor shows of a due date, in the time of here. */
export function toFields(due: string | null): DueFields {
  const date = due === null ? null : moment(due);
  if (due === null || date === null) return { date: "", time: "" };
  return { date: dayOf(date), time: hasTime(due) ? `${pad(date.getHours())}:${pad(date.getMinutes())}` : "" };
}

/**
 * Returns the due date that the editor's fields mean; null for none. One that was not changed stays as it was, seconds
 * and offset and all.
 */
export function fromFields(fields: DueFields, before: string | null): string | null {
  const shown = toFields(before);
  if (fields.date === shown.date && fields.time === shown.time) return before;
  if (fields.date === "") return null;
  if (fields.time === "") return fields.date;
  const date = new Date(`${fields.date}T${fields.time}:00`);
  return `${dayOf(date)}T${pad(date.getHours())}:${pad(date.getMinutes())}:00${offset(date)}`;
}

function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const sign = minutes < 0 ? "-" : "+";
  return `${sign}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
}

function pad(number: number, digits = 2): string {
  return String(number).padStart(digits, "0");
}
