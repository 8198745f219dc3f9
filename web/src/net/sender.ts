/** Takes operations out of the queue, in order, until none is left that can go. */

import { adopt, type Change, changed, type Data } from "../model/data.ts";
import type { Operation } from "../model/operation.ts";
import { type Answer, heads, type Step, settle, step } from "../model/queue.ts";
import { batchOf, type Sending } from "./tasks.ts";

/** More than this many at once go as a batch: mark 10,000 tasks done, and it is twenty requests. */
const MOST_SINGLE = 4;

export interface Wire {
  sendOne(sending: Sending): Promise<Answer>;
  sendBatch(sendings: readonly Sending[]): Promise<readonly Answer[]>;
}

type Send = Step & { readonly do: "send" };
interface Due extends Sending {
  readonly send: Send;
}

/**
 * Sends until nothing is left that can go out. Throws what the wire throws; what was answered by then is kept.
 * @param apply keeps a change, and fires when it is kept.
 */
export async function drain(data: () => Data, apply: (change: Change) => Promise<void>, wire: Wire): Promise<void> {
  for (;;) {
    const due: Due[] = [];
    const put: Operation[] = [];
    const drop: string[] = [];
    const { entries, operations } = data();
    for (const operation of heads(operations.values(), entries)) {
      const entry = entries.get(operation.entry);
      const next = step(operation, entry);
      if (next.do === "drop") drop.push(operation.key);
      else if (next.do === "ask")
        put.push({ ...operation, trouble: next.trouble, task: entry?.task ?? operation.task });
      else if (next.do === "make anew") {
        put.push(next.create);
        drop.push(operation.key);
      } else due.push({ operation, id: entry?.id ?? null, version: next.version, send: next });
    }
    if (due.length + put.length + drop.length === 0) return;
    const dated = due.filter(isDated);
    const others = due.filter((one) => !isDated(one));
    const batch = others.length > MOST_SINGLE ? (batchOf(others) as readonly Due[]) : [];
    const singles = batch.length > 0 ? [] : others;
    // Kept before it goes out: whatever happens from here on, it is repeated as it was.
    const going = [...dated, ...singles, ...batch];
    put.push(...going.map(({ operation, version }) => ({ ...operation, sentVersion: version ?? 0 })));
    await apply({ put, drop });
    const send = async (one: Due) => {
      const answer = await wire.sendOne(one);
      await apply(outcome(data(), one, answer)); // what is known now, not before
    };
    const inTurn = async () => {
      for (const one of dated) await send(one);
    };
    const sendings = [inTurn(), ...singles.map(send), batch.length > 0 ? together(batch, data, apply, wire) : null];
    for (const end of await Promise.allSettled(sendings)) if (end.status === "rejected") throw end.reason;
  }
}

/**
 * New tasks without a rank stand in the order of their dates. The server dates them as they come, so they go one after
 * the other; in a batch all would have the same date.
 */
function isDated({ operation }: Due): boolean {
  return operation.kind === "create" && (operation.fields.rank ?? null) === null;
}

async function together(due: readonly Due[], data: () => Data, apply: (c: Change) => Promise<void>, wire: Wire) {
  const answers = await wire.sendBatch(due);
  let now = data();
  const changes: Change[] = [];
  for (const [index, one] of due.entries()) {
    const answer = answers[index];
    if (answer === undefined) continue;
    const change = outcome(now, one, answer);
    changes.push(change);
    if (change.forget?.length) now = changed(now, change); // what follows may be of the task that was taken over
  }
  await apply(merged(changes));
}

function outcome(data: Data, { operation: sent, id, send }: Due, answer: Answer): Change {
  // While it was on its way, its task may have become known as one that was made here.
  const key = (id === null ? undefined : data.keys.get(id)) ?? sent.entry;
  const operation = { ...sent, entry: key };
  const known = data.entries.get(key) ?? { key, id: null, version: 0, task: null };
  const { entry, operation: left } = settle(operation, known, send, answer);
  const change = operation.kind === "create" ? adopt(data, entry) : { entries: [entry] };
  const drop = left === null || left.key !== operation.key ? [operation.key] : [];
  return { ...change, drop, put: [...(change.put ?? []), ...(left ? [left] : [])] };
}

function merged(changes: readonly Change[]): Change {
  return {
    entries: changes.flatMap((change) => change.entries ?? []),
    forget: changes.flatMap((change) => change.forget ?? []),
    put: changes.flatMap((change) => change.put ?? []),
    drop: changes.flatMap((change) => change.drop ?? []),
  };
}
