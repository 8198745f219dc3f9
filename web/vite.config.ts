import { defineConfig } from "vitest/config";
import { compress } from "./build/compress.ts";
import { listBuild } from "./build/list-build.ts";
import preset from "./package.json" with { type: "json" };

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [listBuild(), compress()],
  define: { __VERSION__: JSON.stringify(preset.version) },
  build: {
    outDir: "../twisted_tasks/web/static",
    emptyOutDir: true,
    target: "es2022",
    manifest: "assets.json",
    // The page's Content-Security-Policy allows no data: addresses and no inline script.
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      input: { page: "index.html", sw: "src/sw.ts" },
      output: {
        // The service worker keeps its name: browsers look there for a new one.
        entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name].[hash].js"),
        chunkFileNames: "assets/[name].[hash].js",
        assetFileNames: "assets/[name].[hash][extname]",
      },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
  test: { include: ["tests/**/*.test.ts"] },
});
