// Fastify, as its documentation shows, with schemas of what comes and goes: port, MongoDB's URI, database.
"use strict";

const Fastify = require("fastify");
const { open, FIELDS } = require("./common.js");

const TASK = {
  type: "object",
  properties: {
    id: { type: "string" },
    ...FIELDS,
    createdOn: { type: "string", format: "date-time" },
    updatedOn: { type: "string", format: "date-time" },
    version: { type: "integer" },
  },
};
const PAGE = { type: "object", properties: { tasks: { type: "array", items: TASK }, next: { type: ["string", "null"] } } };

async function main() {
  const [port, uri, name] = process.argv.slice(2);
  const store = await open(uri, name);
  const app = Fastify({ ajv: { customOptions: { allowUnionTypes: true, removeAdditional: false } } });
  await app.register(require("@fastify/cookie"));
  app.addHook("preValidation", async (request, reply) => {
    request.user = await store.userOf(request.cookies.session);
    if (request.user === null) return reply.code(401).send();
  });
  const limit = { type: "integer", minimum: 1, maximum: 1000, default: 100 };
  const query = { type: "object", properties: { limit } };
  app.get("/api/v1/tasks", { schema: { querystring: query, response: { 200: PAGE } } }, (request) =>
    store.list(request.user, request.query.limit),
  );
  const body = { type: "object", properties: FIELDS, additionalProperties: false };
  const schema = { body: { ...body, required: ["name"] }, response: { 201: TASK } };
  app.post("/api/v1/tasks", { schema }, async (request, reply) => {
    reply.code(201);
    return store.add(request.user, request.body);
  });
  app.patch("/api/v1/tasks/:id", { schema: { body, response: { 200: TASK } } }, async (request, reply) => {
    const task = await store.change(request.user, request.params.id, request.body);
    return task ?? reply.code(404).send();
  });
  await app.listen({ port: Number(port), host: "127.0.0.1" });
}

main();
