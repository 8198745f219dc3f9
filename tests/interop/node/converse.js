// One conversation with a server of everything.thrift, by Thrift's own library for Node.
//
//   node converse.js PORT TRANSPORT PROTOCOL
//
// with TRANSPORT buffered, framed, http or multiplexed, and PROTOCOL binary, compact, json or header. Ends with status
// 0 when every answer was the expected one.

"use strict";

const assert = require("assert");
const thrift = require("thrift");
const Everything = require("./gen/Everything");
const types = require("./gen/everything_types");

const [port, transport, protocol] = process.argv.slice(2);
const options = {
  transport: transport === "framed" ? thrift.TFramedTransport : thrift.TBufferedTransport,
  protocol: {
    binary: thrift.TBinaryProtocol,
    compact: thrift.TCompactProtocol,
    json: thrift.TJSONProtocol,
    header: thrift.THeaderProtocol,
  }[protocol],
  path: "/any/path",
  headers: { "Content-Type": "application/x-thrift" },
  timeout: 30000,
};

function connect() {
  if (transport === "http") {
    const connection = thrift.createHttpConnection("127.0.0.1", Number(port), options);
    return [connection, thrift.createHttpClient(Everything, connection)];
  }
  const connection = thrift.createConnection("127.0.0.1", Number(port), options);
  if (transport === "multiplexed") {
    return [connection, new thrift.Multiplexer().createClient("Everything", Everything, connection)];
  }
  return [connection, thrift.createClient(Everything, connection)];
}

function leaf(number) {
  return new types.Leaf({
    flag: true,
    tiny: -number,
    small: -30000,
    medium: 2000000000,
    large: new thrift.Int64("4000000000000007"),
    real: number / 8,
    text: "tea ☕ 𝄞 é \n\t\"\\",
    colour: types.Colour.BLUE,
    moment: new thrift.Int64(number),
    far: "away",
  });
}

// Int64 has no equality that assert knows.
const plain = (value) => JSON.parse(JSON.stringify(value, (_, v) => (v instanceof thrift.Int64 ? v.toOctetString() : v)));
const same = (found, wanted) => assert.deepStrictEqual(plain(found), plain(wanted));

async function rejects(promise, type, code) {
  await assert.rejects(promise, (error) => {
    assert(error instanceof type, String(error));
    assert.strictEqual(code(error), code.wanted);
    return true;
  });
}

const field = (name, wanted) => Object.assign((error) => error[name], { wanted });

async function converse(client) {
  assert.strictEqual(await client.inherited("x".repeat(5000)), "x".repeat(5000));
  same(await client.leaf(leaf(3)), leaf(3));
  const bag = new types.Bag({
    numbers: [0, 1, -1, 2147483647, -2147483648],
    words: ["tea", "", "café"],
    // Thrift for Node takes every bool in a container for false when it reads the compact protocol.
    ...(protocol === "compact" ? {} : { flags: [true, false], switches: { 1: true } }),
    row: [leaf(1), leaf(2)],
    either: new types.Either({ number: 7 }),
  });
  const echoed = await client.echo(bag);
  // A set comes back in whatever order.
  echoed.words.sort();
  bag.words.sort();
  same(echoed, bag);
  const tree = new types.Tree({ name: "root", children: [new types.Tree({ name: "leaf", children: [] })] });
  same(await client.tree(tree), tree);
  same(await client.either(new types.Either({ text: "x" })), new types.Either({ text: "x" }));
  assert.strictEqual(await client.real(-1.5), -1.5);
  same(await client.strings(["", "é".repeat(1000)]), ["", "é".repeat(1000)]);
  assert.strictEqual(Number(await client.sum([1, 2, 3])), 6);
  assert.strictEqual(await client.refuse(0), 0);
  await rejects(client.refuse(7), types.Refused, field("code", 7));
  await rejects(client.refuse(-7), types.Elsewhere, Object.assign((e) => e.leaf.medium, { wanted: -7 }));
  await rejects(client.fail(), thrift.Thrift.TApplicationException, field("type", 6));
  const many = await Promise.all(Array.from({ length: 200 }, (_, n) => client.inherited(String(n))));
  same(many, Array.from({ length: 200 }, (_, n) => String(n)));
  if (protocol !== "json") {
    const raw = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
    assert(raw.equals(await client.blob(raw)));
    await client.nothing();
  }
  client.notify("heard");
  assert((await client.notified()).includes("heard"));
}

const [connection, client] = connect();
connection.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
converse(client).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
setTimeout(() => {
  console.error("no answer within 30 s");
  process.exit(1);
}, 30000);
