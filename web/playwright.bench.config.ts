import { defineConfig } from "@playwright/test";
import tests from "./playwright.config";

/** Measures and prints; asserts nothing about time, for another machine has another one. `npm run bench`, with `VTRUSTX_BINARY` naming a release binary. */
export default defineConfig({ ...tests, testDir: "bench", testMatch: "*.bench.ts", timeout: 180_000 });
