/** The tabs of one browser: what one of them does, the others are told; one of them talks to the server for all. */

import type { Change } from "../model/data.ts";
import type { Account } from "../net/accounts.ts";
import type { Connection } from "./state.ts";

export type Message =
  | { readonly type: "change"; readonly account: string; readonly change: Change }
  /** Somebody logged in, or out (null). */
  | { readonly type: "account"; readonly account: Account | null }
  | { readonly type: "status"; readonly connection: Connection; readonly expired: boolean }
  /** A tab that has just opened asks how things are. */
  | { readonly type: "hello" }
  /** The session is good again: go on. */
  | { readonly type: "go on" };

const NAME = "tasks";

export class Tabs {
  private readonly channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(NAME);

  /** @param onMessage called with what other tabs say. */
  constructor(onMessage: (message: Message) => void) {
    if (this.channel) this.channel.onmessage = (event: MessageEvent<Message>) => onMessage(event.data);
  }

  tell(message: Message): void {
    this.channel?.postMessage(message);
  }

  /**
   * Runs `lead` in one tab at a time: in this one when no other does, for as long as it takes or until the signal ends
   * it. A tab that is closed or crashes gives the lead away by itself.
   */
  lead(lead: () => Promise<void>, signal: AbortSignal): void {
    if (navigator.locks === undefined) {
      void lead();
      return;
    }
    navigator.locks.request(NAME, { signal }, lead).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}
