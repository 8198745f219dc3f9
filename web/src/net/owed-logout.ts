/** A logout that the server has not heard of: done here at once, and owed to it until it can be reached. */

import { logout } from "./accounts.ts";
import { Refused, Unreachable } from "./api.ts";

const OWED = "tasks.logout";

export function owe(): void {
  localStorage.setItem(OWED, "yes");
}

/** There is no session to end any more, or a new one has taken its place. */
export function forgive(): void {
  localStorage.removeItem(OWED);
}

let paying: Promise<void> = Promise.resolve();

/** Ends the session on the server if that is owed; when it cannot be reached, another time. */
export function pay(): Promise<void> {
  paying = endSession();
  return paying;
}

/**
 * Fires when no end of a session is under way. Whoever logs in waits for this: the answer takes the browser's cookie
 * away, and that may be the new one by then.
 */
export async function settled(): Promise<void> {
  await paying.catch(() => undefined); // whoever asked for it is told
}

async function endSession(): Promise<void> {
  if (localStorage.getItem(OWED) === null) return;
  try {
    await logout();
    forgive();
  } catch (error) {
    if (error instanceof Refused)
      forgive(); // there is no session to end
    else if (!(error instanceof Unreachable)) throw error;
  }
}
