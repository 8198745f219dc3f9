/** The REST API over fetch: JSON in and out, every failure as one of two errors. */

import type { Task } from "../model/task.ts";

const BASE = "/api/v1";
const TIMEOUT = 30_000; // ms: as long as the server gives itself

/** No answer that means anything came: the network, a proxy, or a server that is too busy. Try again later. */
export class Unreachable extends Error {
  /** @param retryAfter ms that the server asked for; null: it did not answer at all, or did not say. */
  constructor(
    readonly status: number | null,
    readonly retryAfter: number | null = null,
  ) {
    super(status === null ? "the server cannot be reached" : `the server answered ${status}`);
  }
}

/** The server refused: an RFC 9457 problem. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
    readonly retryAfter: number | null = null,
  ) {
    super(reasonOf(problem));
  }

  /** The last part of the problem's type, `username-taken` for example. */
  get kind(): string {
    return this.problem.type?.split("/").pop() ?? "";
  }

  /** What is wrong with one field of the body. */
  field(name: string): string | undefined {
    return this.problem.errors?.find((error) => error.pointer?.replace(/^#?\//, "") === name)?.detail;
  }
}

export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer?: string; readonly detail?: string }[];
  readonly current?: Task;
}

export interface Options {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Returns what a problem says to people. */
export function reasonOf(problem: Problem): string {
  return (
    problem.errors
      ?.map((error) => error.detail)
      .filter(Boolean)
      .join("; ") ||
    problem.detail ||
    problem.title ||
    ""
  );
}

/**
 * Returns the body of a successful answer; undefined for one without. Throws Unreachable or Refused.
 * @param path below /api/v1
 */
export async function request<Body>(method: string, path: string, options: Options = {}): Promise<Body> {
  const response = await send(method, path, options);
  const retryAfter = retryAfterOf(response);
  const text = await response.text().catch(() => {
    throw new Unreachable(null);
  });
  const body = parsed(text);
  if (response.ok) {
    if (text !== "" && body === undefined) throw new Unreachable(response.status); // a proxy's page, say
    return body as Body;
  }
  if (response.status >= 500) throw new Unreachable(response.status, retryAfter);
  throw new Refused(response.status, (body ?? {}) as Problem, retryAfter);
}

async function send(method: string, path: string, { body, headers, signal }: Options): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT);
  try {
    return await fetch(BASE + path, {
      method,
      headers: {
        accept: "application/json",
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      credentials: "same-origin",
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable(null);
  }
}

function retryAfterOf(response: Response): number | null {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
