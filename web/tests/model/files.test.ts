import fc from "fast-check";
import { expect, test } from "vitest";
import { BadLine, type FileFormat, read, write } from "../../src/model/files.ts";
import { cleanName, cleanNotes, type Fields } from "../../src/model/task.ts";
import { task } from "./support.ts";

const FORMATS: readonly FileFormat[] = ["jsonl", "csv"];

test.each(FORMATS)("what is written as %s is read as it was", (format) => {
  const words = fc.string({ unit: "grapheme", minLength: 1 });
  const tasks = fc.array(fc.record({ name: words, done: fc.boolean(), notes: fc.option(words) }));
  fc.assert(
    fc.property(tasks, (given) => {
      const all = given
        .map(({ name, done, notes }) => ({ name: cleanName(name), done, notes: notes && cleanNotes(notes) }))
        .filter(({ name }) => name !== "");
      const found = read(
        write(
          all.map((fields) => task(fields)),
          format,
        ),
        format,
      );
      const expected: Fields[] = all.map(({ name, done, notes }) => ({
        name,
        ...(done && { done }),
        ...(notes && { notes }),
      }));
      expect(found).toEqual(expected);
    }),
  );
});

test("CSV is read by its head, with quotes and line ends in cells", () => {
  const text = '\uFEFFdone,name,notes\r\nx,"milk, ""fresh""","two\nlines"\r\n,bread,\r\n\r\n';
  expect(read(text, "csv")).toEqual([{ name: 'milk, "fresh"', done: true, notes: "two\nlines" }, { name: "bread" }]);
  expect(read("name\rtea\r", "csv")).toEqual([{ name: "tea" }]);
  expect(read("", "csv")).toEqual([]);
});

test.each([
  ["jsonl", '{"name": "tea"}\nnonsense\n', 2],
  ["jsonl", '{"name": ""}\n', 1],
  ["jsonl", '{"name": "tea", "done": "perhaps"}', 1],
  ["jsonl", '{"name": "tea", "notes": 5}', 1],
  ["jsonl", "[]", 1],
  ["csv", "title\ntea\n", 1],
  ["csv", 'name,notes\ntea,"a\nb"\n,nothing\n', 4],
  ["csv", "name\ntea,too,many\n", 2],
  ["csv", 'name\n"tea" or not\n', 2],
  ["csv", 'name\n"never closed\n', 2],
] as const)("a line of %s that is no task is named", (format, text, line) => {
  expect(() => read(text, format)).toThrow(BadLine);
  expect(() => read(text, format)).toThrow(`line ${line} `);
});
