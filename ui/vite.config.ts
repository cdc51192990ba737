import { fileURLToPath } from "node:url";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where the built page is served from: it is part of the Python package. */
const PAGE = fileURLToPath(new URL("../src/levada/server/page", import.meta.url));

/** Which server `npm run dev` shows. */
const SERVER = process.env["LEVADA_DEV_SERVER"] ?? "http://127.0.0.1:4200";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: { outDir: PAGE, emptyOutDir: true, target: "es2022", reportCompressedSize: false },
  server: { proxy: { "/api": SERVER } },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"], setupFiles: ["src/lib/testing.ts"] },
});
