import { useEffect, useState } from "preact/hooks";
import { t } from "../../i18n/messages.ts";
import { Refused, Unreachable } from "../../net/api.ts";
import { type App, useApp } from "../context.ts";

/** What a list of the account page is at: its things, or why there are none to show. */
export interface Listing<Thing> {
  readonly things: readonly Thing[] | null;
  readonly error: string | null;
  /** Does something, and asks for the list again. */
  readonly act: (action: () => Promise<unknown>) => void;
}

/** Asks the server for a list, and again after each action. `ask` has to be the same function each time. */
export function useListing<Thing>(ask: () => Promise<readonly Thing[]>): Listing<Thing> {
  const app = useApp();
  const [things, setThings] = useState<readonly Thing[] | null>(null);
  const [error, setError] = useState<string | null>(null);

  async function load(action: () => Promise<unknown>) {
    try {
      await action();
      setThings(await ask());
      setError(null);
    } catch (caught) {
      setError(explain(app, caught));
    }
  }
  useEffect(() => void load(async () => undefined), [ask]);
  return { things, error, act: (action) => void load(action) };
}

/** Returns what an error says; a session that ended asks for the password. */
function explain({ engine }: App, error: unknown): string {
  if (error instanceof Refused && error.status === 401) engine.expire();
  if (error instanceof Unreachable) return t(error.status === null ? "error-offline" : "error-busy");
  return error instanceof Error ? error.message : String(error);
}
