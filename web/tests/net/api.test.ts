import { afterEach, expect, test, vi } from "vitest";
import type { Operation } from "../../src/model/operation.ts";
import { Refused, request, Unreachable } from "../../src/net/api.ts";
import { batchOf, changes, sendBatch, sendOne } from "../../src/net/tasks.ts";
import { task } from "../model/support.ts";

function answers(status: number, body: unknown, headers: Record<string, string> = {}) {
  const text = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
  const spy = vi.fn(async (_url: string, _init: RequestInit) => new Response(text, { status, headers }));
  vi.stubGlobal("fetch", spy);
  return spy;
}

afterEach(() => vi.unstubAllGlobals());

const operation = (fields: Partial<Operation>): Operation => ({
  key: "k1",
  order: 1,
  entry: "e",
  kind: "update",
  fields: { name: "tea" },
  before: {},
  task: null,
  sentVersion: 7,
  trouble: null,
  ...fields,
});

test("a network that fails is unreachable, and so is a server that cannot answer", async () => {
  vi.stubGlobal("fetch", async () => {
    throw new TypeError("Failed to fetch");
  });
  await expect(request("GET", "/account")).rejects.toMatchObject({ status: null });
  answers(503, { title: "busy" }, { "retry-after": "7" });
  await expect(request("GET", "/account")).rejects.toMatchObject({ status: 503, retryAfter: 7000 });
  answers(200, "<html>a proxy's page</html>");
  await expect(request("GET", "/account")).rejects.toBeInstanceOf(Unreachable);
});

test("a problem says what it is, and which field is wrong", async () => {
  const errors = [{ pointer: "/password", detail: "it is common" }];
  answers(422, { type: "https://x.example/problems/invalid", title: "A field is wrong", errors });
  const refused: unknown = await request("POST", "/accounts", { body: {} }).catch((error: unknown) => error);
  if (!(refused instanceof Refused)) throw new Error("it was not refused");
  expect([refused.kind, refused.field("password"), refused.message]).toEqual([
    "invalid",
    "it is common",
    "it is common",
  ]);
  answers(500 - 96, "not JSON");
  await expect(request("GET", "/account")).rejects.toMatchObject({ status: 404, message: "" });
});

test("a change goes out as PATCH, with the version as If-Match and its key", async () => {
  const spy = answers(200, task({ id: "t1", version: 8 }));
  await expect(sendOne({ operation: operation({}), id: "t1", version: 7 })).resolves.toMatchObject({ status: 200 });
  const [url, init] = spy.mock.calls[0] ?? [];
  expect([url, init?.method, init?.body]).toEqual(["/api/v1/tasks/t1", "PATCH", '{"name":"tea"}']);
  expect(init?.headers).toMatchObject({ "if-match": '"v7"', "idempotency-key": "k1" });
});

test("a new task goes out with its key, and without a version", async () => {
  const spy = answers(201, task());
  await sendOne({ operation: operation({ kind: "create" }), id: null, version: null });
  const [url, init] = spy.mock.calls[0] ?? [];
  expect([url, init?.method]).toEqual(["/api/v1/tasks", "POST"]);
  expect(init?.headers).toMatchObject({ "idempotency-key": "k1" });
  expect(init?.headers).not.toHaveProperty("if-match");
});

test("412 brings the task as it is; without it there is only asking for news", async () => {
  const current = task();
  answers(412, { title: "changed", current });
  await expect(sendOne({ operation: operation({}), id: "t1", version: 7 })).resolves.toMatchObject({
    status: 412,
    current,
  });
  answers(412, { title: "changed" });
  await expect(sendOne({ operation: operation({}), id: "t1", version: 7 })).rejects.toBeInstanceOf(Unreachable);
});

test.each([408, 409, 425, 429, 500, 502, 503, 504])(
  "%d says nothing of the operation: the same again, later",
  async (status) => {
    answers(status, { title: "later" });
    await expect(sendOne({ operation: operation({}), id: "t1", version: 7 })).rejects.toBeInstanceOf(Unreachable);
    await expect(changes(null, new AbortController().signal)).rejects.toBeInstanceOf(Unreachable);
  },
);

test("the end of the session is nothing an operation has to know", async () => {
  answers(401, { title: "log in" });
  await expect(sendOne({ operation: operation({}), id: "t1", version: 7 })).rejects.toBeInstanceOf(Refused);
});

test("a batch names each operation as the API does, and is answered in order", async () => {
  const made = task();
  const problem = { title: "changed", current: task() };
  const spy = answers(200, { results: [{ status: 201, task: made }, { status: 204 }, { status: 412, problem }] });
  const found = await sendBatch([
    { operation: operation({ kind: "create", fields: { name: "tea", rank: "B" } }), id: null, version: null },
    { operation: operation({ kind: "remove", fields: {} }), id: "t1", version: 3 },
    { operation: operation({ key: "k3", fields: { done: true } }), id: "t2", version: 4 },
  ]);
  expect(found.map((answer) => answer.status)).toEqual([201, 204, 412]);
  expect(JSON.parse(String(spy.mock.calls[0]?.[1].body))).toEqual({
    operations: [
      { op: "add", key: "k1", name: "tea", rank: "B" },
      { op: "remove", id: "t1", version: 3 },
      { op: "update", id: "t2", key: "k3", done: true, version: 4 },
    ],
  });
});

test("a batch holds no more than the API takes, in number and in bytes", () => {
  const many = Array.from({ length: 600 }, () => ({ operation: operation({}), id: "t", version: 1 }));
  expect(batchOf(many)).toHaveLength(500);
  const notes = "x".repeat(16_000);
  const long = many.map((one) => ({ ...one, operation: operation({ fields: { notes } }) }));
  const batch = batchOf(long);
  expect(batch.length).toBeGreaterThan(1);
  expect(JSON.stringify(batch).length).toBeLessThan(4 * 2 ** 20);
});
