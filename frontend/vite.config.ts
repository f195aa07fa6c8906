import { fileURLToPath } from "node:url";
import solid from "vite-plugin-solid";
import { defineConfig } from "vitest/config";
import { mock } from "./mock/server.ts";
import { gettext } from "./scripts/gettext.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig(({ command, mode }) => ({
  root: at("app"),
  base: command === "build" ? "/static/dist/" : "/",
  plugins: [solid(), gettext(), ...(mode === "mock" ? [mock()] : [])],
  resolve: { alias: { "@slackclone/client": at("client/src/index.ts") } },
  build: {
    outDir: at("../static/dist"),
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    assetsInlineLimit: 0,
    sourcemap: true,
    // scripts/sizes.mjs minds the first load; the canvas' editor comes when it is opened.
    chunkSizeWarningLimit: 800,
    rolldownOptions: { input: at("app/src/main.tsx") },
  },
  server: { port: 5173, strictPort: true, fs: { allow: [at("."), at("../locale")] } },
  test: {
    root: at("."),
    testTimeout: 30_000, // the machine may be busy with other suites
    include: ["client/test/**/*.test.ts", "app/test/**/*.test.{ts,tsx}"],
    environment: "node",
    environmentOptions: {
      happyDOM: {
        settings: {
          disableCSSFileLoading: true,
          disableJavaScriptFileLoading: true,
          disableIframePageLoading: true,
        },
      },
    },
    restoreMocks: true,
    sequence: { shuffle: true },
  },
}));
