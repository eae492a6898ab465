import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test as base } from "@playwright/test";

export type Server = { url: string; email: string; password: string; key: string };

/** The debug binary of this checkout, unless VTRUSTX_BINARY names another one. */
function binary(): string {
  const built = join(process.env["CARGO_TARGET_DIR"] ?? "target", "debug/vtrustx");
  const found = resolve(import.meta.dirname, "../..", process.env["VTRUSTX_BINARY"] ?? built);
  if (!existsSync(found)) throw new Error(`there is no ${found}: run \`npm run build\` and \`cargo build\` first, or name a binary with VTRUSTX_BINARY`);
  return found;
}

/** Starts the real server on a store of its own, with the demo company, and waits until it listens. */
async function start(directory: string): Promise<{ process: ChildProcess; server: Server }> {
  const options = ["serve", "--demo", "--listen", "127.0.0.1:0", "--data-dir", directory, "--retry-delays", "", "--allow-private-targets"];
  const child = spawn(binary(), options, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const url = await new Promise<string>((listening, failed) => {
    const timer = setTimeout(() => failed(new Error(`the server did not listen within 60 s:\n${output}`)), 60_000);
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const address = /listening on (http:\S+)/.exec(output)?.[1];
      if (address && output.includes("sign in as")) {
        clearTimeout(timer);
        listening(address);
      }
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", (code) => failed(new Error(`the server ended with ${code}:\n${output}`)));
  });
  const demo = readFileSync(join(directory, "demo.env"), "utf8");
  const value = (name: string) => new RegExp(`${name}='([^']*)'`).exec(demo)?.[1] ?? "";
  return { process: child, server: { url, email: value("DEMO_EMAIL"), password: value("DEMO_PASSWORD"), key: value("VTRUSTX_API_KEY") } };
}

let signIns = 0;

/** `server` for every test of a worker; `signedIn` opens the app as the demo company's administrator. */
export const test = base.extend<{ signedIn: undefined }, { server: Server }>({
  server: [
    // Playwright demands the destructuring.
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const directory = mkdtempSync(join(tmpdir(), "vtrustx-web-"));
      const { process: child, server } = await start(directory);
      await use(server);
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
    { scope: "worker", timeout: 90_000 },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  signedIn: async ({ page, server }, use) => {
    // Each from an address of its own: so many sign in within a minute here as an office does not.
    const headers = { origin: server.url, "x-forwarded-for": `10.0.0.${++signIns % 250}` };
    const response = await page.request.post(`${server.url}/api/session`, { data: { email: server.email, password: server.password }, headers });
    if (!response.ok()) throw new Error(await response.text());
    await use(undefined);
  },
});

export { expect } from "@playwright/test";
