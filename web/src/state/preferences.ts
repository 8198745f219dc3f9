/** What a person prefers on this device. It says nothing of their tasks, so a logout leaves it. */

const KEYS = "tasks.keys";

export const preferences = {
  /** Whether single keys do something. */
  get keys(): boolean {
    return localStorage.getItem(KEYS) !== "off";
  },
  set keys(on: boolean) {
    if (on) localStorage.removeItem(KEYS);
    else localStorage.setItem(KEYS, "off");
  },
};
