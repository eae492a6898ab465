import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, type Server, test } from "./server";

const screens = [
  "/", "/workflows", "/workflows/1", "/workflows/1/edit", "/workflows/1/versions", "/jobs", "/approvals", "/approvals?open=1", "/executions", "/executions/1", "/templates", "/templates?open=1", "/forms", "/forms/1", "/forms/1/answers", "/submissions/1", "/contacts", "/contacts?open=1",
  "/tickets", "/tickets?open=1", "/notifications", "/outbox", "/settings", "/settings?tab=people", "/settings?tab=keys", "/settings?tab=connections", "/settings?tab=company", "/settings?tab=tickets", "/settings?tab=people&open=1", "/settings?tab=email", "/settings?tab=alerts", "/suppressions", "/invitations", "/invitations?open=new", "/f/northwind-nps",
];

/** Something to decide, with questions: the demo company has none of its own. */
async function askSomebody(page: Page, server: Server): Promise<void> {
  const headers = { authorization: `Bearer ${server.key}` };
  const asked = async () => ((await (await page.request.get("/api/approvals", { headers })).json()) as { data: unknown[] }).data.length;
  if ((await asked()) > 0) return;
  const config = { title: "May we refund it?", message: "Order 4711 arrived broken.", approvers: [{ role: "admin" }], timeout: "2d", form: [{ key: "amount", type: "number", label: "How much?", required: true }, { key: "words", type: "long_text", label: "Words to the customer" }] };
  const made = await page.request.post("/api/workflows", { headers, data: { name: "Refunds", trigger_event: "refund.asked", is_active: true, actions: [{ type: "approval", config }] } });
  expect(made.ok(), await made.text()).toBe(true);
  expect((await page.request.post("/api/events", { headers, data: { event: "refund.asked", data: {} } })).status()).toBe(202);
  await expect.poll(asked).toBeGreaterThan(0);
}

for (const scheme of ["light", "dark"] as const) {
  test(`every screen is accessible and free of errors, ${scheme}`, async ({ page, server, signedIn }) => {
    void signedIn;
    await askSomebody(page, server);
    test.setTimeout(300_000);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    const foreign: string[] = [];
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && origin !== new URL(page.url()).origin && page.url() !== "about:blank") foreign.push(request.url());
    });
    for (const screen of screens) {
      await page.goto(screen);
      await page.getByRole("heading", { level: 1 }).first().waitFor();
      await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
      // The rows of a list are alike: the first ones speak for fifty. In the dark only the colours differ.
      const axe = new AxeBuilder({ page }).exclude("tbody tr:nth-child(n+5)");
      const { violations } = await (scheme === "dark" ? axe.withRules(["color-contrast"]) : axe.withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"])).analyze();
      expect.soft(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`).slice(0, 3).join(" | ")}`), screen).toEqual([]);
    }
    expect(errors).toEqual([]);
    expect(foreign).toEqual([]);
  });
}

test("at 360 pixels nothing has to be moved sideways, and every screen is reached", async ({ page, server, signedIn }) => {
  void signedIn;
  await askSomebody(page, server);
  await page.setViewportSize({ width: 360, height: 740 });
  for (const screen of screens) {
    await page.goto(screen);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
    expect.soft(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), screen).toBeLessThanOrEqual(0);
  }
  await page.goto("/");
  await page.getByRole("button", { name: "Open the navigation" }).click();
  await page.getByRole("link", { name: "Executions", exact: true }).first().click();
  await expect(page.getByRole("heading", { name: "Executions", level: 1 })).toBeVisible();
});

test("the first load is small, and what it loads is kept", async ({ page, signedIn }) => {
  void signedIn;
  const scripts: { path: string; bytes: number; cache: string | undefined }[] = [];
  page.on("response", async (response) => {
    if (!response.url().endsWith(".js")) return;
    const { responseBodySize: bytes } = await response.request().sizes();
    scripts.push({ path: new URL(response.url()).pathname, bytes, cache: response.headers()["cache-control"] });
  });
  const response = await page.goto("/workflows");
  await expect(page.getByRole("link", { name: "Promoter thank-you" })).toBeVisible();
  expect(response?.headers()["cache-control"]).toBe("no-cache");
  expect(response?.headers()["content-security-policy"]).toContain("script-src 'self'");
  expect(response?.headers()["content-security-policy"]).not.toMatch(/script-src[^;]*unsafe/);
  expect(scripts.map((script) => script.cache)).toEqual(scripts.map(() => "public, max-age=31536000, immutable"));
  expect(scripts.reduce((sum, script) => sum + script.bytes, 0)).toBeLessThan(250 * 1024);
});

test("a viewer sees no buttons that would be refused", async ({ page, server }) => {
  const headers = { authorization: `Bearer ${server.key}` };
  const viewer = { email: "viewer@example.com", password: "a long password" };
  expect((await page.request.post("/api/users", { headers, data: { ...viewer, role: "viewer" } })).ok()).toBe(true);
  await page.request.post("/api/session", { headers: { origin: server.url }, data: viewer });
  await page.goto("/workflows");
  await expect(page.getByRole("link", { name: "Promoter thank-you" })).toBeVisible();
  for (const name of ["New workflow", "Import"]) await expect(page.getByRole("button", { name })).toHaveCount(0);
  await page.goto("/executions");
  await expect(page.getByRole("table").getByRole("link").first()).toBeVisible();
  await expect(page.getByRole("checkbox")).toHaveCount(0);
  await page.goto("/settings");
  await expect(page.getByRole("tab", { name: "API keys" })).toHaveCount(0);
});
