/**
 * Tasks in files: JSON Lines and CSV, as the `tasks` command writes and reads them. `name` has to be there; what else a
 * file has that is not a field a person changes (an id, dates of the service) is left alone.
 */

import { cleanName, cleanNotes, type Fields, type Task } from "./task.ts";

export type FileFormat = "jsonl" | "csv";

const COLUMNS = ["id", "name", "createdOn", "done", "updatedOn", "notes", "due", "rank"] as const;
const YES = new Set(["true", "1", "yes", "y", "x", "done"]);
const NO = new Set(["", "false", "0", "no", "n", "-", "todo"]);

/** A line that is no task: its number, from 1. */
export class BadLine extends Error {
  constructor(readonly line: number) {
    super(`line ${line} is not a task`);
  }
}

/** Returns tasks as a file. */
export function write(tasks: readonly Task[], format: FileFormat): string {
  const rows = tasks.map((task) => COLUMNS.map((column) => task[column]));
  if (format === "csv") return [COLUMNS, ...rows].map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
  return tasks
    .map((task) => JSON.stringify(Object.fromEntries(COLUMNS.map((column) => [column, task[column]]))))
    .map((line) => `${line}\n`)
    .join("");
}

/** Returns the fields of each task in a file. Throws BadLine. */
export function read(text: string, format: FileFormat): Fields[] {
  const plain = text.replace(/^\uFEFF/, "");
  return format === "csv" ? readCsv(plain) : readJsonLines(plain);
}

function readJsonLines(text: string): Fields[] {
  const found: Fields[] = [];
  text.split("\n").forEach((line, index) => {
    if (line.trim() === "") return;
    try {
      found.push(fieldsOf(JSON.parse(line) as Record<string, unknown>, index + 1));
    } catch (error) {
      throw error instanceof BadLine ? error : new BadLine(index + 1);
    }
  });
  return found;
}

function readCsv(text: string): Fields[] {
  const [head, ...rows] = records(text);
  if (head === undefined) return [];
  const columns = head.cells.map((cell) => cell.trim());
  if (!columns.includes("name")) throw new BadLine(head.line);
  return rows.map(({ cells, line }) => {
    if (cells.length > columns.length) throw new BadLine(line);
    return fieldsOf(Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? ""])), line);
  });
}

function fieldsOf(row: Record<string, unknown>, line: number): Fields {
  const name = typeof row.name === "string" ? cleanName(row.name) : "";
  const mark = String(row.done ?? "")
    .trim()
    .toLowerCase();
  if (name === "" || !(YES.has(mark) || NO.has(mark))) throw new BadLine(line);
  const notes = text(row.notes, line);
  const due = text(row.due, line);
  const rank = text(row.rank, line);
  return {
    name,
    ...(YES.has(mark) && { done: true }),
    ...(cleanNotes(notes) !== null && { notes: cleanNotes(notes) }),
    ...(due !== "" && { due }),
    ...(rank !== "" && { rank }),
  };
}

function text(value: unknown, line: number): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw new BadLine(line);
  return value;
}

function quoted(value: string | boolean | null): string {
  const plain = value === null ? "" : String(value);
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

interface Row {
  readonly cells: string[];
  readonly line: number;
}

/** Cuts CSV into rows by RFC 4180; a quoted cell may hold line ends. */
function records(text: string): Row[] {
  const rows: Row[] = [];
  const pattern = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n|\n|\r|$)/gy;
  let cells: string[] = [];
  let line = 1;
  let begun = 1;
  while (pattern.lastIndex < text.length || cells.length > 0) {
    const match = pattern.exec(text);
    if (match === null) throw new BadLine(line);
    const [whole, cell = "", end = ""] = match;
    cells.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    line += whole.split(/\r\n|\n|\r/).length - 1;
    if (end === ",") continue;
    if (cells.length > 1 || cells[0] !== "") rows.push({ cells, line: begun });
    cells = [];
    begun = line;
    if (end === "") break;
  }
  return rows;
}
