/** What a person can do to their tasks. Each intent makes operations, which are shown at once and go out by themselves. */

import { type Item, itemOf, type Operation } from "../model/operation.ts";
import { move as ranked, ranksForNew } from "../model/rank.ts";
import { cleanName, differing, type Fields, pick, type Task } from "../model/task.ts";
import type { Engine } from "./engine.ts";
import type { Undo } from "./state.ts";

type Made = Omit<Operation, "key" | "order" | "before" | "task" | "sentVersion" | "trouble"> & Partial<Operation>;

export class Intents {
  private last = 0;
  private seen: ReadonlyMap<string, Operation> | null = null;

  constructor(private readonly engine: Engine) {}

  /** Adds a task with what was typed; nothing when that is nothing. Returns its key. */
  add(typed: string): string | null {
    const name = cleanName(typed);
    if (name === "") return null;
    const operation = this.creation({ name });
    this.put([operation]);
    return operation.entry;
  }

  /** Adds the tasks of a file, in its order. */
  upload(all: readonly Fields[]): void {
    const ranks = ranksForNew(all.length, this.engine.store.state.order);
    this.put(all.map((fields, index) => this.creation({ ...fields, rank: ranks[index] ?? null })));
  }

  private creation(fields: Fields): Operation {
    const key = crypto.randomUUID();
    // On top of the list, also where this machine's clock is behind the server's.
    const newest = this.engine.store.state.order.find((item) => item.task.rank === null)?.task.createdOn;
    const createdOn = new Date(Math.max(Date.now(), newest ? Date.parse(newest) + 1 : 0)).toISOString();
    const empty = { name: "", done: false, notes: null, due: null, rank: null };
    const task: Task = { id: `~${key}`, createdOn, updatedOn: createdOn, version: 0, ...empty, ...fields };
    return this.operation({ key, entry: `new-${key}`, kind: "create", fields, task });
  }

  toggle(key: string): void {
    const item = this.item(key);
    if (item) this.update([{ item, fields: { done: !item.task.done } }]);
  }

  /**
   * Sets those fields that differ from what was seen when editing began. What others did meanwhile to the other fields
   * stays; where they did something else to the same, the person is asked.
   */
  edit(seen: Item, fields: Fields): void {
    this.update([{ item: seen, fields }]);
  }

  remove(key: string): void {
    const item = this.item(key);
    if (item) this.removeAll([item]);
  }

  clearDone(): void {
    this.removeAll(this.engine.store.state.order.filter((item) => item.task.done));
  }

  /** Marks all done; where all are done, none. */
  markAll(): void {
    const { order } = this.engine.store.state;
    const done = order.some((item) => !item.task.done);
    const items = order.filter((item) => item.task.done !== done);
    if (items.length === 0) return;
    this.update(items.map((item) => ({ item, fields: { done } })));
    this.engine.show({ toast: { kind: done ? "done" : "todo", count: items.length, name: "" } });
  }

  /** Puts a task to the place that another one has in the order. */
  move(key: string, to: string): void {
    const { order } = this.engine.store.state;
    const place = (wanted: string) => order.findIndex((item) => item.key === wanted);
    const [from, target] = [place(key), place(to)];
    if (from === -1 || target === -1) return;
    const changes = ranked(order, from, target).flatMap(({ key: one, rank }) => {
      const item = this.item(one);
      return item ? [{ item, fields: { rank } }] : [];
    });
    this.update(changes);
  }

  /** Takes back the last thing that was done. */
  undo(): void {
    const { undo } = this.engine.store.state;
    const last = undo.at(-1);
    this.engine.show({ undo: undo.slice(0, -1), toast: null });
    if (last?.kind === "update") {
      const changes = last.before.flatMap(({ key, fields }) => {
        const item = this.item(key);
        return item ? [{ item, fields }] : [];
      });
      this.update(changes, false);
    } else if (last?.kind === "remove") {
      const gone = last.items.filter((item) => !this.item(item.key));
      this.put(gone.flatMap((item) => this.restoration(item, last.stopped)));
    }
  }

  /** Decides what an operation waits for: `mine` (or: again), or `theirs` (or: give it up). */
  resolve(operationKey: string, choice: "mine" | "theirs"): void {
    const { data } = this.engine.store.state;
    const operation = data.operations.get(operationKey);
    if (!operation?.trouble) return;
    const { trouble } = operation;
    const again = this.operation(
      { ...operation, key: crypto.randomUUID(), trouble: null, sentVersion: null },
      operation.order,
    );
    if (trouble.kind === "collision") {
      const { theirs } = trouble;
      const fields = choice === "mine" ? operation.fields : without(operation.fields, trouble.fields);
      const put = Object.keys(fields).length > 0 ? [{ ...again, fields, before: pick(theirs, fields) }] : [];
      this.change({ drop: [operation.key], put });
      return;
    }
    if (choice === "mine") {
      const task = itemOf(operation.entry, undefined, [operation])?.task ?? operation.task;
      const restore = this.operation(
        { entry: operation.entry, kind: "restore", fields: {}, task },
        operation.order - 0.5,
      );
      this.change({ drop: [operation.key], put: trouble.kind === "removed" ? [restore, again] : [again] });
      return;
    }
    const all = [...data.operations.values()].filter((one) => one.entry === operation.entry);
    this.change({
      drop: trouble.kind === "removed" || operation.kind === "create" ? all.map((one) => one.key) : [operation.key],
    });
  }

  private update(changes: readonly { item: Item; fields: Fields }[], canUndo = true): void {
    const made: Operation[] = [];
    const before: { key: string; fields: Fields }[] = [];
    for (const { item, fields } of changes) {
      const wanted = differing(item.task, fields);
      if (Object.keys(wanted).length === 0) continue;
      const seen = pick(item.task, wanted);
      before.push({ key: item.key, fields: seen });
      made.push(this.operation({ entry: item.key, kind: "update", fields: wanted, before: seen, task: item.task }));
    }
    if (made.length === 0) return;
    this.put(made);
    if (canUndo) this.remember({ kind: "update", before });
  }

  private removeAll(items: readonly Item[]): void {
    if (items.length === 0) return;
    const keys = new Set(items.map((item) => item.key));
    const { operations } = this.engine.store.state.data;
    const stopped = [...operations.values()].filter((one) => one.trouble !== null && keys.has(one.entry));
    this.change({
      put: items.map((item) => this.operation({ entry: item.key, kind: "remove", fields: {}, task: item.task })),
      drop: stopped.map((one) => one.key), // a question about what is removed is none
    });
    this.remember({ kind: "remove", items, stopped });
    this.engine.show({ toast: { kind: "removed", count: items.length, name: items[0]?.task.name ?? "" } });
  }

  /** Returns what brings back a task, and what waited for the person when it was removed. */
  private restoration({ key, task }: Item, stopped: readonly Operation[]): Operation[] {
    const again = (one: Operation) =>
      this.operation({ ...one, key: crypto.randomUUID(), trouble: null, sentVersion: null });
    const held = stopped.filter((one) => one.entry === key);
    const create = held.find((one) => one.kind === "create");
    if (create) return [again(create)];
    const restore = this.operation({ entry: key, kind: "restore", fields: {}, task });
    return [restore, ...held.filter((one) => one.kind === "update").map(again)];
  }

  private operation(made: Made, order: number = this.next()): Operation {
    return { key: crypto.randomUUID(), before: {}, task: null, sentVersion: null, trouble: null, ...made, order };
  }

  /**
   * Returns a number greater than those of all operations so far: also after a reload, beside another tab, and when the
   * clock was set back.
   */
  private next(): number {
    const { operations } = this.engine.store.state.data;
    if (operations !== this.seen) {
      this.seen = operations;
      for (const { order } of operations.values()) this.last = Math.max(this.last, order);
    }
    this.last = Math.max(Date.now(), this.last + 0.001);
    return this.last;
  }

  private item(key: string): Item | undefined {
    return this.engine.store.state.data.items.get(key);
  }

  private put(operations: readonly Operation[]): void {
    if (operations.length > 0) this.change({ put: operations });
  }

  private change(change: Parameters<Engine["apply"]>[0]): void {
    this.engine.apply(change).catch((error: unknown) => this.engine.fail(error));
  }

  private remember(undo: Undo): void {
    this.engine.show({ undo: [...this.engine.store.state.undo, undo] });
  }
}

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}
