import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin } from "vite";

const PLACEHOLDER = '"__BUILD__"';

/**
 * Tells the service worker which files the build has, and a name for it that changes when any of them does.
 *
 * The list is put into sw.js itself: a browser then sees a new service worker for each new build, and a worker knows
 * the one build it is for.
 */
export function listBuild(): Plugin {
  let publicDir = "";
  return {
    name: "list-build",
    apply: "build",
    configResolved(config) {
      publicDir = config.publicDir;
    },
    generateBundle: {
      order: "post",
      async handler(_options, bundle) {
        const worker = bundle["sw.js"];
        if (worker?.type !== "chunk") throw new Error("the build has no sw.js");
        const digest = createHash("sha256");
        const files: string[] = [];
        for (const [name, file] of Object.entries(bundle).sort(([a], [b]) => (a < b ? -1 : 1))) {
          digest.update(name).update(file.type === "chunk" ? file.code : file.source);
          if (name.startsWith("assets/")) files.push(`/${name}`);
        }
        for (const name of (await readdir(publicDir)).sort()) {
          digest.update(name).update(await readFile(join(publicDir, name)));
          if (!/\.png$/.test(name)) files.push(`/${name}`); // for the system's launcher, which keeps its own
        }
        const name = digest.digest("hex").slice(0, 12);
        worker.code = worker.code.replace(/["'`]__BUILD__["'`]/, JSON.stringify({ name, files: ["/", ...files] }));
        if (worker.code.includes(PLACEHOLDER)) throw new Error("sw.js has no place for the build's list");
      },
    },
  };
}
