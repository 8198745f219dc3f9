import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import ar from "../../i18n/ar.json";
import de from "../../i18n/de.json";
import en from "../../i18n/en.json";
import { LANGUAGES, preferred } from "../../src/i18n/messages.ts";

type Texts = Record<string, string | Record<string, string>>;
const TEXTS: Record<string, Texts> = { ar, de, en };
const SOURCE = join(import.meta.dirname, "../../src");

const source = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => readFileSync(join(SOURCE, name), "utf8"))
  .join("\n");

const placeholders = (text: string) => new Set(text.match(/\{\w+\}/g) ?? []);

test("every language of the list has its file, and no file is without its language", () => {
  const files = readdirSync(join(SOURCE, "../i18n")).map((name) => name.replace(".json", ""));
  expect(files.sort()).toEqual(Object.keys(LANGUAGES).sort());
});

test.each(Object.keys(TEXTS))("%s has every text, and no other", (language) => {
  expect(Object.keys(TEXTS[language] as Texts).sort()).toEqual(Object.keys(en).sort());
});

test.each(Object.keys(TEXTS))("%s has a form for each of its plural categories", (language) => {
  const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  for (const [key, text] of Object.entries(TEXTS[language] as Texts)) {
    expect(typeof text === "string", key).toBe(typeof en[key as keyof typeof en] === "string");
    if (typeof text !== "string") expect(Object.keys(text).sort(), key).toEqual([...categories].sort());
  }
});

test.each(Object.keys(TEXTS))("%s fills in what English does", (language) => {
  for (const [key, text] of Object.entries(TEXTS[language] as Texts)) {
    const english = (en as Texts)[key];
    if (typeof text === "string") expect(placeholders(text), key).toEqual(placeholders(String(english)));
    else
      expect(placeholders(text.other ?? ""), key).toEqual(
        placeholders((english as Record<string, string>).other ?? ""),
      );
  }
});

test("no text is unused", () => {
  // Keys that are put together: filter-all and the like.
  const put = [...source.matchAll(/`([a-z]+-)\$\{/g)].map((match) => match[1] as string);
  const unused = Object.keys(en).filter(
    (key) => !source.includes(`"${key}"`) && !put.some((start) => key.startsWith(start)),
  );
  expect(unused.filter((key) => !["offline", "busy"].includes(key))).toEqual([]); // named for the connection's states
});

test("no text stands in a component instead of a language's file", () => {
  const found = [...source.matchAll(/>\s*([A-Z][a-z]+(?: [a-z]+)+)[.!?]?\s*</g)].map((match) => match[1]);
  expect(found).toEqual([]);
});

test("the language is that of the address, of an earlier choice, or of the browser", () => {
  expect(preferred("?lang=en", "de", ["ar"])).toBe("en");
  expect(preferred("?lang=tlh", "de", ["ar"])).toBe("de");
  expect(preferred("", null, ["tlh", "de-AT", "en"])).toBe("de");
  expect(preferred("", null, ["ar-EG"])).toBe("ar");
  expect(preferred("", null, ["constructor"])).toBe("en");
});
