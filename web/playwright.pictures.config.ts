import { defineConfig } from "@playwright/test";
import tests from "./playwright.config";

/** Takes the pictures of the README anew, in docs/images. `npm run pictures`, after a build. */
export default defineConfig({ ...tests, testDir: "pictures", testMatch: "*.pictures.ts" });
