// Express, as its documentation shows: the port, MongoDB's URI and the database are the arguments.
"use strict";

const express = require("express");
const cookieParser = require("cookie-parser");
const Ajv = require("ajv");
const { open, FIELDS } = require("./common.js");

async function main() {
  const [port, uri, name] = process.argv.slice(2);
  const store = await open(uri, name);
  const ajv = new Ajv({ allowUnionTypes: true });
  const isTask = ajv.compile({ type: "object", properties: FIELDS, required: ["name"], additionalProperties: false });
  const isChange = ajv.compile({ type: "object", properties: FIELDS, additionalProperties: false });
  const app = express();
  app.use(express.json());
  app.use(cookieParser());
  app.use(async (request, response, next) => {
    request.user = await store.userOf(request.cookies.session);
    if (request.user === null) return response.status(401).end();
    next();
  });
  app.get("/api/v1/tasks", async (request, response) => {
    response.json(await store.list(request.user, Math.min(1000, Number(request.query.limit ?? 100))));
  });
  app.post("/api/v1/tasks", async (request, response) => {
    if (!isTask(request.body)) return response.status(422).end();
    response.status(201).json(await store.add(request.user, request.body));
  });
  app.patch("/api/v1/tasks/:id", async (request, response) => {
    if (!isChange(request.body)) return response.status(422).end();
    const task = await store.change(request.user, request.params.id, request.body);
    if (task === null) return response.status(404).end();
    response.json(task);
  });
  app.listen(Number(port), "127.0.0.1");
}

main();
