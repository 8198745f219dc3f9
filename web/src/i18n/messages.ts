/** Every text of the page, by its key, in the language that was chosen. */

import type en from "../../i18n/en.json";

/** A language's texts: plain ones, and those that depend on a number, by Intl's plural categories. */
export type Messages = Readonly<Record<Key, string | Readonly<Partial<Record<Intl.LDMLPluralRule, string>>>>>;
export type Key = keyof typeof en;
export type Values = Readonly<Record<string, string | number>>;

interface Language {
  /** Its name, in itself. */
  readonly name: string;
  readonly direction: "ltr" | "rtl";
  readonly load: () => Promise<{ default: unknown }>;
}

export const LANGUAGES: Readonly<Record<string, Language>> = {
  en: { name: "English", direction: "ltr", load: () => import("../../i18n/en.json") },
  de: { name: "Deutsch", direction: "ltr", load: () => import("../../i18n/de.json") },
  ar: { name: "العربية", direction: "rtl", load: () => import("../../i18n/ar.json") },
};

const KEPT = "tasks.language";

let language = "en";
let messages: Messages | null = null;

/** Returns the language of `?lang=`, of an earlier choice, or the first of the browser's that there is. */
export function preferred(search: string, kept: string | null, browsers: readonly string[]): string {
  const wanted = [new URLSearchParams(search).get("lang"), kept, ...browsers];
  for (const tag of wanted) {
    const base = tag?.toLowerCase().split("-")[0];
    if (base && Object.hasOwn(LANGUAGES, base)) return base;
  }
  return "en";
}

/** Loads the language to begin with. Returns it. */
export async function begin(): Promise<string> {
  await use(preferred(location.search, localStorage.getItem(KEPT), navigator.languages));
  return language;
}

/** Loads a language that a person chose, and keeps the choice. */
export async function choose(tag: string): Promise<void> {
  await use(tag);
  localStorage.setItem(KEPT, tag);
}

async function use(tag: string): Promise<void> {
  const chosen = LANGUAGES[tag];
  if (chosen === undefined) return;
  messages = (await chosen.load()).default as Messages;
  language = tag;
  document.documentElement.lang = tag;
  document.documentElement.dir = chosen.direction;
}

/** Returns a text, with `{names}` replaced by values. */
export function t(key: Key, values: Values = {}): string {
  const text = messages?.[key];
  return fill(typeof text === "string" ? text : "", values);
}

/** Returns a text that depends on a number, `{count}` in it. */
export function plural(key: Key, count: number, values: Values = {}): string {
  const forms = messages?.[key];
  if (forms === undefined || typeof forms === "string") return "";
  const form = forms[new Intl.PluralRules(language).select(count)] ?? forms.other ?? "";
  return fill(form, { ...values, count: new Intl.NumberFormat(language).format(count) });
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Returns a moment's date, with its time or without, as the language writes it. */
export function date(moment: Date, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(language, options).format(moment);
}

/** Returns "today", "tomorrow" and the like, as the language says it. */
export function relativeDay(days: number): string {
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(days, "day");
}

/** Returns a number as the language writes it. */
export function number(value: number): string {
  return new Intl.NumberFormat(language).format(value);
}
