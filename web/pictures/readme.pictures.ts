// The pictures of the README, taken from the real app on the demo company: in the light and in the dark.
import { join, resolve } from "node:path";
import type { APIRequestContext, Page } from "@playwright/test";
import { expect, type Server, test } from "../tests/server";

const images = resolve(import.meta.dirname, "../../docs/images");
const schemes = ["light", "dark"] as const;

const score = (most: number) => [{ logic: "AND" }, { field: "submission.data.q_nps", operator: "less_than_or_equal", value: most }];

const winBack = {
  name: "Win back the unhappy",
  trigger_event: "submission_completed",
  trigger_config: { formId: 1 },
  is_active: true,
  conditions: score(8),
  actions: [
    {
      type: "branch", name: "How unhappy?",
      config: {
        branches: [
          {
            name: "Detractor", conditions: score(6),
            actions: [
              { type: "create_ticket", config: { title: "Call {{submission.data.q_name}}", priority: "high" } },
              { type: "for_each", name: "Mark the contact", config: { items: ["unhappy", "to be called"], actions: [{ type: "add_tag", config: { entity: "contact", entityId: "{{submission.contactId}}", tag: "{{item}}" } }] } },
            ],
          },
          { name: "Passive", conditions: score(8), actions: [{ type: "send_email", config: { to: "{{contact.email}}", subject: "What could we do better?", body: "We read every answer." } }] },
        ],
      },
    },
    { type: "send_notification", config: { userId: 1, title: "{{submission.data.q_name}} gave {{submission.data.q_nps}}", message: "{{submission.data.q_feedback}}" } },
    { type: "delay", name: "Time to call", config: { duration: "2d" } },
    { type: "update_contact", config: { contactId: "{{submission.contactId}}", updates: { segment: "called" } } },
  ],
};

async function post<Data>(request: APIRequestContext, { key }: Server, path: string, data: object): Promise<Data> {
  const answer = await request.post(path, { headers: { authorization: `Bearer ${key}` }, data });
  expect(answer.ok(), await answer.text()).toBe(true);
  return ((await answer.json()) as { data: Data }).data;
}

/** The same screen in both looks; nothing that comes and goes is on it. */
async function taken(page: Page, name: string): Promise<void> {
  for (const scheme of schemes) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.mouse.move(0, 0);
    await page.screenshot({ path: join(images, fileOf(name, scheme)), animations: "disabled" });
  }
}

const fileOf = (name: string, scheme: (typeof schemes)[number]) => (scheme === "light" ? `${name}.png` : `${name}-${scheme}.png`);

test.beforeEach(({ signedIn }) => signedIn);

test("the builder, and a run of what was built", async ({ page, server }) => {
  const { id } = await post<{ id: number }>(page.request, server, "/api/workflows", winBack);
  await page.goto(`/workflows/${id}/edit`);
  await expect(page.locator("[data-node=trigger]")).toBeVisible();
  await page.locator('[data-node="step:s1"]').waitFor();
  await taken(page, "builder");

  const data = { formId: 1, submission: { contactId: 1, data: { q_nps: 3, q_name: "Ingrid Solberg", q_feedback: "Three e-mails and no answer." } }, contact: { email: "ingrid.solberg@example.com" } };
  await post(page.request, server, "/api/events", { event: "submission_completed", data });
  await page.goto(`/executions?workflowId=${id}`);
  await page.getByRole("link", { name: /Win back the unhappy/ }).first().click();
  await expect(page.getByText("Goes on in")).toBeVisible();
  await page.locator('[data-node="step:s1"]').waitFor();
  await taken(page, "web-app");
});

test("a form as people answer it, beside the reference of the API", async ({ page }) => {
  for (const scheme of schemes) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width: 430, height: 800 });
    await page.goto("/f/northwind-nps");
    await page.getByRole("radio", { name: "3", exact: true }).first().check({ force: true });
    await page.getByRole("textbox").first().fill("Three e-mails and no answer.");
    await page.getByRole("textbox").nth(1).fill("Ingrid Solberg");
    await page.evaluate(() => { (document.activeElement as HTMLElement | null)?.blur(); window.scrollTo(0, 0); });
    const form = await page.screenshot();
    await page.setViewportSize({ width: 1000, height: 800 });
    await page.goto("/api/docs");
    const contents = page.getByRole("navigation");
    for (const group of ["Executions", "Events"]) await contents.locator("summary", { hasText: group }).click();
    await contents.getByRole("link", { name: /Takes an event, or a batch/ }).click();
    await page.evaluate(() => window.scrollBy(0, -16));
    await page.mouse.move(0, 0);
    const reference = await page.screenshot();
    const [ground, shade] = scheme === "light" ? ["#dfe4ea", "rgba(28, 36, 48, .12)"] : ["#0b0e12", "rgba(0, 0, 0, .5)"];
    await page.setViewportSize({ width: 1530, height: 860 });
    await page.setContent(`<body style="margin:0; background:${ground}; display:flex; gap:30px; padding:30px">${[form, reference].map((image) => `<img src="data:image/png;base64,${image.toString("base64")}" style="height:800px; border-radius:10px; box-shadow:0 4px 18px ${shade}">`).join("")}</body>`);
    await page.screenshot({ path: join(images, fileOf("form-and-api", scheme)) });
  }
});
