import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` speaks to a server that runs already: `VTRUSTX_URL=http://127.0.0.1:8080 npm run dev`.
const server = process.env["VTRUSTX_URL"] ?? "http://127.0.0.1:8080";
const behind = ["/api", "/public", "/f/", "/i/", "/sign-in"];

export default defineConfig({
  plugins: [react()],
  server: {
    // The server compares the page's origin with its own host, so the host is passed on as it came.
    proxy: Object.fromEntries(behind.map((path) => [path, { target: server, changeOrigin: false }])),
  },
  build: {
    target: "es2022",
    // A small image inside a script would be a data: address that the policy has to allow; a file is simply served.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
  },
  // Thousands of random edits take seconds, and longer beside other work.
  test: { include: ["src/**/*.test.{ts,tsx}"], testTimeout: 60_000 },
});
