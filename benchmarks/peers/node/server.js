// The tutorial's calls in Node, as the documentation of both packages shows: https://thrift.apache.org/tutorial/nodejs,
// https://www.mongodb.com/docs/drivers/node. Arguments: port, MongoDB's URI, database.
"use strict";

const { MongoClient, ObjectId } = require("mongodb");
const thrift = require("thrift");
const Tasks = require("./gen/Tasks");
const types = require("./gen/tutorial_types");

const [port, uri, database] = process.argv.slice(2);
const collection = new MongoClient(uri).db(database).collection("tasks");

function toTask(document) {
  return new types.Task({
    id: document._id.toHexString(),
    userId: document.userId,
    name: document.name,
    createdOn: document.createdOn.toISOString(),
    done: document.done,
  });
}

const handler = {
  async all(userId) {
    const documents = await collection.find({ userId }).sort({ createdOn: -1, _id: -1 }).toArray();
    return documents.map(toTask);
  },

  async add(userId, name) {
    const document = { userId, name, createdOn: new Date(), done: false };
    await collection.insertOne(document);
    return toTask(document);
  },

  async update(taskId, name, done, userId) {
    const filter = { _id: new ObjectId(taskId), userId };
    const document = await collection.findOneAndUpdate(filter, { $set: { name, done } }, { returnDocument: "after" });
    if (document === null) throw new types.BaseException({ code: 404, message: "no such task" });
    return toTask(document);
  },
};

// A promise's outcome becomes the reply.
const called = Object.fromEntries(
  Object.entries(handler).map(([name, method]) => [
    name,
    (...args) => {
      const reply = args.pop();
      method(...args).then((result) => reply(null, result), reply);
    },
  ]),
);

thrift
  .createServer(Tasks, called, { transport: thrift.TFramedTransport, protocol: thrift.TBinaryProtocol })
  .listen(Number(port), "127.0.0.1");
