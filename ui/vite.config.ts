import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Where the built page is served from: it is part of the Python package. */
const PAGE = fileURLToPath(new URL("../src/levada/server/page", import.meta.url));

/** Which server `npm run dev` shows. */
const SERVER = process.env["LEVADA_DEV_SERVER"] ?? "http://127.0.0.1:4200";

/** Bytes; below, a packet is a packet. */
const WORTH_PACKING = 1400;

/** Packs what was built, once, so that the server need not do it with each request. */
function packed(): Plugin {
  let folder = "";
  return {
    name: "levada-packed",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    writeBundle() {
      for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|html|svg)$/.test(name)) continue;
        const content = readFileSync(join(folder, name));
        if (content.length < WORTH_PACKING) continue;
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(content));
        writeFileSync(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), tailwindcss(), packed()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: { outDir: PAGE, emptyOutDir: true, target: "es2022", reportCompressedSize: false },
  server: {
    // The server wants changes to come from a page of its own: what passes here does.
    proxy: { "/api": { target: SERVER, changeOrigin: true, headers: { origin: SERVER } } },
  },
  test: { include: ["src/**/*.test.{ts,tsx}"], setupFiles: ["src/lib/testing.ts"] },
});
