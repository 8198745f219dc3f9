/** Operations and changes, as the API has them. */

import type { Operation } from "../model/operation.ts";
import type { Answer } from "../model/queue.ts";
import type { Task } from "../model/task.ts";
import { type Problem, Refused, reasonOf, request, Unreachable } from "./api.ts";

export interface News {
  readonly tasks: readonly Task[];
  readonly removed: readonly { readonly id: string; readonly version: number }[];
  readonly sync: string;
  readonly more: boolean;
  readonly reset: boolean;
}

/** An operation with what it goes out as. */
export interface Sending {
  readonly operation: Operation;
  readonly id: string | null;
  readonly version: number | null;
}

interface Result {
  readonly status: number;
  readonly task?: Task;
  readonly problem?: Problem;
}

export const MOST_IN_BATCH = 500;
const MOST_BYTES = 3_000_000; // of the 4 MiB the API takes
/** Statuses that say nothing of the operation itself: the same again, later. */
const LATER = new Set([408, 409, 425, 429]);

/** Returns what changed since a token; without one, everything, in pages. */
export function changes(since: string | null, signal: AbortSignal): Promise<News> {
  const query = since === null ? "" : `&since=${encodeURIComponent(since)}`;
  return request<News>("GET", `/changes?limit=1000${query}`, { signal }).catch(later);
}

/** Sends one operation and returns its answer. Throws Unreachable; Refused for 401 alone. */
export async function sendOne({ operation, id, version }: Sending): Promise<Answer> {
  const key = { "idempotency-key": operation.key };
  const match: Record<string, string> = version === null ? {} : { "if-match": `"v${version}"` };
  const path = `/tasks/${id}`;
  try {
    switch (operation.kind) {
      case "create":
        return { status: 201, task: await request<Task>("POST", "/tasks", { body: operation.fields, headers: key }) };
      case "update": {
        const headers = { ...key, ...match };
        return { status: 200, task: await request<Task>("PATCH", path, { body: operation.fields, headers }) };
      }
      case "remove":
        await request<void>("DELETE", path, { headers: match });
        return { status: 204 };
      case "restore":
        return { status: 200, task: await request<Task>("POST", `${path}/restore`) };
    }
  } catch (error) {
    if (error instanceof Refused && error.status !== 401)
      return answerOf(error.status, error.problem, error.retryAfter);
    throw error;
  }
}

/** Sends several operations, each of another task, and returns their answers in order. */
export async function sendBatch(sendings: readonly Sending[]): Promise<readonly Answer[]> {
  const body = { operations: sendings.map(inBatch) };
  const { results } = await request<{ results: readonly Result[] }>("POST", "/tasks/batch", { body }).catch(later);
  return results.map(({ status, task, problem = {} }) => (task ? { status, task } : answerOf(status, problem, null)));
}

/** Returns as many of the sendings as fit into one batch. */
export function batchOf(sendings: readonly Sending[]): readonly Sending[] {
  let size = 0;
  const end = sendings.findIndex((sending, index) => {
    size += 200 + 4 * JSON.stringify(sending.operation.fields).length;
    return index > 0 && (index >= MOST_IN_BATCH || size > MOST_BYTES);
  });
  return end === -1 ? sendings : sendings.slice(0, end);
}

const OP = { create: "add", update: "update", remove: "remove", restore: "restore" } as const;

function inBatch({ operation, id, version }: Sending): Record<string, unknown> {
  const { kind, key, fields } = operation;
  if (kind === "create") return { op: OP[kind], key, ...fields };
  if (kind === "restore") return { op: OP[kind], id };
  return { op: OP[kind], id, ...(kind === "update" && { key, ...fields }), ...(version !== null && { version }) };
}

/** Throws a refusal that says nothing of what was asked as what it is: not now. */
function later(error: unknown): never {
  if (error instanceof Refused && LATER.has(error.status)) throw new Unreachable(error.status, error.retryAfter);
  throw error;
}

function answerOf(status: number, problem: Problem, retryAfter: number | null): Answer {
  // A refusal without the task as it is leaves only asking for news.
  const isBlind = status === 412 && problem.current === undefined;
  if (status >= 500 || LATER.has(status) || isBlind) throw new Unreachable(status, retryAfter);
  return { status, detail: reasonOf(problem), ...(problem.current && { current: problem.current }) };
}
