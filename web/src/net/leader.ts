/**
 * The one tab that talks to the server: sends what is in the queue, asks for news, listens for events, and waits when
 * nobody answers. One thing at a time, in one loop, so that an answer and the news of it cannot cross.
 */

import type { Change, Data } from "../model/data.ts";
import type { Connection } from "../state/state.ts";
import { Refused, Unreachable } from "./api.ts";
import { Follower } from "./news.ts";
import { drain } from "./sender.ts";
import { changes, sendBatch, sendOne } from "./tasks.ts";

const FIRST_WAIT = 1000; // ms, doubled with each failure
const LONGEST_WAIT = 10_000;
const LONGEST_ASKED = 300_000; // ms, when the server says how long; timers take no more than 24 days
/** With a stream open there is nothing to wait for but its events. */
const QUIET = 300_000;
/** News are asked for as often as this where no event stream can be had. */
const POLL = 20_000;

export interface Surroundings {
  readonly data: () => Data;
  readonly apply: (change: Change) => Promise<void>;
  /** Called when it is known how the last request went. */
  readonly onConnection: (connection: Connection) => void;
  /** Called when the session has ended. The loop ends with it. */
  readonly onExpired: () => void;
}

export class Leader {
  private readonly follower: Follower;
  private wake: () => void = () => undefined;
  private isAwake = false;
  private hasNews = true;
  private failures = 0;
  private events: EventSource | null = null;
  /** No stream is asked for before this, in ms since 1970: the last one was refused. */
  private quietUntil = 0;

  /** @param signal ends it. */
  constructor(
    private readonly around: Surroundings,
    private readonly signal: AbortSignal,
  ) {
    this.follower = new Follower(around.data, around.apply, (since) => changes(since, signal));
  }

  /** There may be something to do: an operation, or (`news`) something to ask for. */
  poke(news = false): void {
    this.hasNews ||= news;
    this.isAwake = true;
    this.wake();
  }

  /** Works until the signal ends it, or the session is over. */
  async run(): Promise<void> {
    const { signal } = this;
    const stop = () => {
      this.hangUp(); // at once: after a logout the session is none that may be asked with
      this.poke();
    };
    signal.addEventListener("abort", stop);
    try {
      while (!signal.aborted) {
        this.isAwake = false;
        const time = await this.turn();
        if (!this.isAwake) await this.pause(time);
      }
    } catch (error) {
      if (!(error instanceof Refused && error.status === 401)) throw error;
      if (!signal.aborted) this.around.onExpired();
    } finally {
      signal.removeEventListener("abort", stop);
      this.hangUp();
    }
  }

  /** Sends and asks once. Returns how long there is to wait, in ms. */
  private async turn(): Promise<number> {
    const { signal } = this;
    try {
      await this.send();
      if (this.hasNews && !signal.aborted) {
        this.hasNews = false;
        this.hasNews = (await this.follower.next()) || this.hasNews;
        await this.send(); // what somebody else did may have answered a question, or raised another
      }
      this.failures = 0;
      if (signal.aborted) return 0;
      this.around.onConnection("online");
      this.listen();
      return this.hasNews ? 0 : this.events?.readyState === EventSource.OPEN ? QUIET : POLL;
    } catch (error) {
      if (signal.aborted && error === signal.reason) return 0;
      if (error instanceof Refused && error.status === 400 && this.around.data().sync !== null) {
        await this.around.apply({ sync: null }); // a token that the server does not take: list from the start
        this.hasNews = true;
        return 0;
      }
      const isRefused = error instanceof Refused && error.status !== 401;
      if (!(error instanceof Unreachable) && !isRefused) throw error;
      this.hasNews = true;
      if (signal.aborted) return 0;
      this.around.onConnection(error.status === null ? "offline" : "busy");
      return this.waitFor(error.retryAfter);
    }
  }

  /**
   * Returns how long to wait after a failure, in ms, and not the same in all browsers. Whatever the server asks for is
   * no reason to come back at once, or never.
   */
  private waitFor(asked: number | null): number {
    if (asked !== null) return Math.min(LONGEST_ASKED, Math.max(FIRST_WAIT, asked)) * (1 + Math.random() / 4);
    return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures++) * (0.75 + Math.random() / 2);
  }

  private send(): Promise<void> {
    return drain(this.around.data, this.around.apply, { sendOne, sendBatch });
  }

  private hangUp(): void {
    this.events?.close();
    this.events = null;
  }

  private listen(): void {
    if (this.events !== null || Date.now() < this.quietUntil) return;
    const events = new EventSource("/api/v1/events");
    this.events = events;
    events.addEventListener("changed", () => this.poke(true));
    // What happened before it was open, and why it was closed (the end of the session, say), only asking tells.
    events.onopen = () => this.poke(true);
    events.onerror = () => {
      if (events.readyState === EventSource.CLOSED && this.events === events) {
        this.events = null;
        this.quietUntil = Date.now() + POLL;
      }
      this.poke(true);
    };
  }

  private async pause(time: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.poke(true), time);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = () => undefined;
  }
}
