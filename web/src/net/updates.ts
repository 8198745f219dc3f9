/** The service worker: registered, and asked now and then whether there is a new version of the page. */

const EVERY = 30 * 60_000; // ms

interface PolicyFactory {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

/** An address that is ours, as Trusted Types want it. */
function trusted(address: string): string {
  // Not in every browser, nor in TypeScript's types of one.
  const { trustedTypes } = window as { trustedTypes?: PolicyFactory };
  if (trustedTypes === undefined) return address;
  const policy = trustedTypes.createPolicy("tasks", {
    createScriptURL: (url: string) => {
      if (url !== "/sw.js") throw new TypeError(`not a script of this page: ${url}`);
      return url;
    },
  });
  return policy.createScriptURL(address);
}

/** @param onUpdate called when a new version is there and waits. */
export async function watchUpdates(onUpdate: () => void): Promise<void> {
  if (navigator.serviceWorker === undefined) return;
  const worker = await navigator.serviceWorker.register(trusted("/sw.js"), { type: "module", updateViaCache: "none" });
  const isReplaced = () => navigator.serviceWorker.controller !== null;
  if (worker.waiting && isReplaced()) onUpdate();
  worker.addEventListener("updatefound", () => {
    const fresh = worker.installing;
    fresh?.addEventListener("statechange", () => fresh.state === "installed" && isReplaced() && onUpdate());
  });
  // Another tab has gone over to the new version: this one goes on with what it has, and offers the same.
  const before = navigator.serviceWorker.controller;
  navigator.serviceWorker.addEventListener("controllerchange", () => before && onUpdate());
  const look = () => worker.update().catch(() => undefined); // without a network there is nothing new
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
}

/** Goes over to the new version. */
export function reload(): void {
  const container = navigator.serviceWorker;
  container
    .getRegistration()
    .then((worker) => {
      if (!worker?.waiting) return location.reload();
      container.addEventListener("controllerchange", () => location.reload(), { once: true });
      worker.waiting.postMessage("take over");
    })
    .catch(() => location.reload());
}
