/**
 * Lets the page open without a network. It takes a build whole or not at all, asks the network first for the page, and
 * never touches the API.
 */

interface Build {
  readonly name: string;
  readonly files: readonly string[];
}

const scope = globalThis as unknown as ServiceWorkerGlobalScope;

// Put here by build/list-build.ts.
const build = "__BUILD__" as unknown as Build;

const PREFIX = "tasks-";
const PATIENCE = 4000; // ms for the page from the network before the one that is kept is shown

scope.addEventListener("install", (event) => {
  event.waitUntil(install());
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(activate());
});

scope.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(scope.skipWaiting());
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== scope.location.origin) return;
  if (url.pathname === "/") event.respondWith(page(request));
  else if (build.files.includes(url.pathname) || url.pathname.startsWith("/assets/")) event.respondWith(asset(request));
});

/** Fetches every file of the build; one that fails fails all. */
async function install(): Promise<void> {
  const cache = await caches.open(PREFIX + build.name);
  try {
    // Names with a hash in them may come from the browser's own cache, where the page has just left them.
    const mode = (file: string) => (file.startsWith("/assets/") ? "default" : "reload");
    await cache.addAll(build.files.map((file) => new Request(file, { cache: mode(file) })));
    await check(cache);
  } catch (error) {
    await caches.delete(PREFIX + build.name);
    throw error;
  }
}

/** Throws when the page is not the one of this build: the server went over to another one in the middle. */
async function check(cache: Cache): Promise<void> {
  const text = await (await cache.match("/"))?.text();
  const assets = build.files.filter((file) => /^\/assets\/page\./.test(file));
  if (!assets.every((file) => text?.includes(file))) throw new Error("the page is of another build");
}

/** Tabs that are still open run the build before this one, and may ask for more of it: only older ones go. */
async function activate(): Promise<void> {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== PREFIX + build.name);
  await Promise.all(names.slice(0, -1).map((name) => caches.delete(name)));
  await scope.clients.claim();
}

async function page(request: Request): Promise<Response> {
  const kept = await caches.match("/", { cacheName: PREFIX + build.name });
  try {
    const fresh = await fetch(request, kept ? { signal: AbortSignal.timeout(PATIENCE) } : {});
    return fresh.ok || kept === undefined ? fresh : kept;
  } catch (error) {
    if (kept === undefined) throw error;
    return kept;
  }
}

async function asset(request: Request): Promise<Response> {
  const kept = await caches.match(request, { ignoreVary: true });
  return kept ?? fetch(request);
}

export {}; // a module: its names are its own
