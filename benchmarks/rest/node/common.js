// What the two servers in Node have in common: sessions that are believed for a second, and tasks as JSON.
"use strict";

const { createHash } = require("node:crypto");
const { MongoClient, ObjectId, Long } = require("mongodb");

const BELIEVED = 1000; // ms

async function open(uri, name) {
  const client = new MongoClient(uri);
  await client.connect();
  const database = client.db(name);
  const tasks = database.collection("tasks");
  const sessions = database.collection("sessions");
  const believed = new Map();

  async function userOf(secret) {
    if (secret === undefined) return null;
    const now = performance.now();
    const known = believed.get(secret);
    if (known !== undefined && known.until > now) return known.user;
    const digest = createHash("sha256").update(secret).digest("hex");
    const found = await sessions.findOne({ _id: digest, expiresOn: { $gt: new Date() } });
    if (found === null) return null;
    believed.set(secret, { until: now + BELIEVED, user: found.userId });
    return found.userId;
  }

  async function list(user, limit) {
    const found = await tasks.find({ userId: user }).sort({ createdOn: -1, _id: -1 }).limit(limit).toArray();
    return { tasks: found.map(taskOf), next: null };
  }

  async function add(user, { name, done = false, ...more }) {
    const document = { _id: new ObjectId(), userId: user, name, createdOn: new Date(), done, version: Long.ONE, ...more };
    await tasks.insertOne(document);
    return taskOf(document);
  }

  async function change(user, id, fields) {
    const found = await tasks.findOneAndUpdate(
      { _id: new ObjectId(id), userId: user },
      { $set: { ...fields, updatedOn: new Date() }, $inc: { version: 1 } },
      { returnDocument: "after" },
    );
    return found === null ? null : taskOf(found);
  }

  return { userOf, list, add, change };
}

function taskOf({ _id, name, done, createdOn, updatedOn = createdOn, version = 0, notes = null, due = null, rank = null }) {
  return { id: _id.toString(), name, done, createdOn, updatedOn, version: Number(version), notes, due, rank };
}

const FIELDS = {
  name: { type: "string", minLength: 1, maxLength: 4096 },
  done: { type: "boolean" },
  notes: { type: ["string", "null"] },
  due: { type: ["string", "null"] },
  rank: { type: ["string", "null"] },
};

module.exports = { open, FIELDS };
