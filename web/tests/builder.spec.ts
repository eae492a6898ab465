// The builder in a real browser: the NPS follow-up is built by mouse, published and seen to run; two windows edit one draft; a test run; undo and redo.
import { AxeBuilder } from "@axe-core/playwright";
import type { APIRequestContext, Page } from "@playwright/test";
import { expect, test as base } from "./server";

/** The page's own requests come from the server's origin, and so do those of the tests. */
const test = base.extend({ extraHTTPHeaders: async ({ server }, use) => use({ origin: server.url }) });

const DESCRIPTION = "Customer gave NPS score of {{submission.data.q_nps}}. Feedback: {{submission.data.q_feedback}}";
const BODY = "Detractor alert for {{submission.data.q_name}} (score: {{submission.data.q_nps}})";

async function draft(request: APIRequestContext, name: string, more: object = {}): Promise<number> {
  const answer = await request.post("/api/workflows?draft=true", { data: { name, trigger_event: "submission_completed", ...more } });
  expect(answer.status()).toBe(201);
  return ((await answer.json()) as { data: { id: number } }).data.id;
}

async function stored(request: APIRequestContext, id: number): Promise<Record<string, unknown>> {
  return ((await (await request.get(`/api/workflows/${id}`)).json()) as { data: Record<string, unknown> }).data;
}

async function open(page: Page, id: number): Promise<void> {
  await page.goto(`/workflows/${id}/edit`);
  await expect(page.locator("[data-node=trigger]")).toBeVisible();
}

test.beforeEach(({ signedIn }) => signedIn);
// Hundreds of keys and clicks, each waited for: on a busy machine that takes its time.
test.describe.configure({ timeout: 180_000 });

const panel = (page: Page) => page.locator("[data-panel]");
const field = (page: Page, name: string) => panel(page).getByRole("textbox", { name, exact: true }).or(panel(page).getByRole("combobox", { name, exact: true }));
const saved = (page: Page) => expect(page.getByText("Draft saved")).toBeVisible();

/** It is Example 1 of the seed, and one bad score runs it to its end. */
async function isExampleOne(request: APIRequestContext, id: number): Promise<void> {
  const workflow = await stored(request, id);
  expect(workflow).toMatchObject({ is_active: true, published_version: 1, trigger_event: "submission_completed" });
  expect(workflow.conditions).toEqual([{ logic: "AND" }, { field: "submission.data.q_nps", operator: "less_than_or_equal", value: 6 }]);
  expect(workflow.actions).toEqual([
    { id: "s1", type: "create_ticket", config: { title: "NPS Detractor: {{submission.data.q_name}}", description: DESCRIPTION, priority: "high" }, critical: true },
    { id: "s2", type: "send_email", config: { to: "manager@company.com", subject: "NPS Alert: Detractor Response Received", body: BODY }, retry: expect.anything() },
    { id: "s3", type: "update_contact", config: { contactId: "{{submission.contactId}}", updates: { segment: "detractor", last_nps_score: "{{submission.data.q_nps}}" } } },
  ]);
  await request.post("/api/events", { data: { event: "submission_completed", data: { formId: 1, submission: { contactId: 1, data: { q_nps: 3, q_name: "Ingrid", q_feedback: "Slow." } } } } });
  await expect
    .poll(async () => {
      const answer = (await (await request.get(`/api/workflow-executions?workflowId=${id}`)).json()) as { data: { status: string; result: { actionsExecuted: number; actionsFailed: number } | null }[] };
      const { status, result } = answer.data[0] ?? { status: "none", result: null };
      return { status, executed: result?.actionsExecuted, failed: result?.actionsFailed };
    })
    .toEqual({ status: "completed", executed: 3, failed: 0 });
  // What the tests leave behind does not answer the next one's events.
  await request.post(`/api/workflows/${id}/deactivate`);
}

test("the NPS follow-up is built by mouse and published", async ({ page }) => {
  const id = await draft(page.request, "By mouse");
  await open(page, id);
  await page.locator("[data-node=conditions]").click();
  await page.getByRole("button", { name: "Add a condition" }).click();
  await field(page, "Field").click();
  await page.getByRole("option", { name: "NPS score" }).click();
  await field(page, "Operator").click();
  await page.getByRole("option", { name: "is at most" }).click();
  await field(page, "Value").fill("6");
  await expect(page.locator("[data-node=conditions]")).toContainText("NPS score is at most 6");

  await page.locator("[data-action=create_ticket]").dragTo(page.getByRole("button", { name: "Add a step", exact: true }));
  await field(page, "Title").fill("NPS Detractor: ");
  await panel(page).getByRole("button", { name: "Insert a variable into Title" }).click();
  await page.getByRole("option", { name: "Your name" }).click();
  await expect(field(page, "Title")).toHaveValue("NPS Detractor: {{submission.data.q_name}}");
  await field(page, "Description").fill(DESCRIPTION);
  await field(page, "Priority").click();
  await page.getByRole("option", { name: "high" }).click();
  await panel(page).getByRole("button", { name: "When it runs, and when it fails" }).click();
  await panel(page).getByRole("switch", { name: "Stop the run when this step fails" }).click();

  await page.locator('[data-gap="gap:actions:1"]').click();
  await page.getByRole("dialog").getByRole("option", { name: "Send an email" }).click();
  await field(page, "To").fill("manager@company.com");
  await field(page, "Subject").fill("NPS Alert: Detractor Response Received");
  await field(page, "Body").fill(BODY);

  await page.locator('[data-gap="gap:actions:2"]').click();
  await page.getByRole("dialog").getByRole("option", { name: "Update a contact" }).click();
  await field(page, "Contact id").click();
  await panel(page).getByRole("button", { name: "Insert a variable into Contact id" }).click();
  await page.getByRole("option", { name: "submission.contactId" }).click();
  await panel(page).getByRole("button", { name: "Add a field" }).click();
  await field(page, "Updates: Field 1").fill("segment");
  await field(page, "Updates: segment").fill("detractor");
  await panel(page).getByRole("button", { name: "Add a field" }).click();
  await field(page, "Updates: Field 2").fill("last_nps_score");
  await panel(page).getByRole("button", { name: "Insert a variable into Updates: last_nps_score" }).click();
  await page.getByRole("option", { name: "NPS score" }).click();
  await saved(page);
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByLabel("What changed?").fill("The first version");
  await page.getByRole("button", { name: "Publish and switch on" }).click();
  await expect(page.getByText("It is active")).toBeVisible();
  await isExampleOne(page.request, id);
});

test("two windows edit one draft: the second is shown both sides and overwrites nothing unseen", async ({ page, context }) => {
  const id = await draft(page.request, "Together");
  await open(page, id);
  const other = await context.newPage();
  await open(other, id);
  await page.getByLabel("Name of the workflow").fill("Mine");
  await saved(page);
  await other.getByLabel("Name of the workflow").fill("Theirs");
  const dialog = other.getByRole("dialog", { name: "Somebody else changed this draft" });
  await expect(dialog).toContainText("Mine");
  await expect(dialog).toContainText("Theirs");
  expect((await stored(page.request, id)).draft).toMatchObject({ name: "Mine" });
  await dialog.getByRole("button", { name: "Take theirs" }).click();
  await expect(other.getByLabel("Name of the workflow")).toHaveValue("Mine");
  await other.getByRole("button", { name: "Undo" }).click();
  await expect(other.getByLabel("Name of the workflow")).toHaveValue("Theirs");
  await expect.poll(async () => (await stored(page.request, id)).draft).toMatchObject({ name: "Theirs" });
});

test("steps are copied, moved by drag, switched off and brought back; every change goes back and forth", async ({ page }) => {
  const actions = ["create_ticket", "send_email", "add_tag"].map((type, index) => ({ id: `s${index + 1}`, type, config: {} }));
  const id = await draft(page.request, "Back and forth", { actions });
  await open(page, id);
  const order = () => page.locator("[data-node^='step:']").evaluateAll((nodes) => nodes.map((node) => (node as HTMLElement).dataset.node?.slice(5)));
  await page.locator('[data-node="step:s3"]').dragTo(page.locator('[data-gap="gap:actions:0"]'));
  await expect.poll(order).toEqual(["s3", "s1", "s2"]);
  await page.locator('[data-node="step:s3"]').click();
  await page.locator('[data-node="step:s1"]').click({ modifiers: ["Shift"] });
  await expect(page.getByRole("heading", { name: "2 steps chosen" })).toBeVisible();
  await page.keyboard.press("Control+c");
  await page.keyboard.press("Control+v");
  await expect.poll(order).toEqual(["s3", "s1", "s4", "s5", "s2"]);
  await page.locator('[data-node="step:s2"]').click();
  await page.locator('[data-node="step:s2"]').focus();
  await page.keyboard.press("o");
  await expect(page.locator('[data-node="step:s2"]')).toContainText("Off");
  await page.keyboard.press("Delete");
  await expect.poll(order).toEqual(["s3", "s1", "s4", "s5"]);
  for (let times = 0; times < 4; times += 1) await page.keyboard.press("Control+z");
  await expect.poll(order).toEqual(["s1", "s2", "s3"]);
  await expect(page.getByRole("button", { name: "Undo" })).toBeDisabled();
  for (let times = 0; times < 4; times += 1) await page.keyboard.press("Control+Shift+z");
  await expect.poll(order).toEqual(["s3", "s1", "s4", "s5"]);
  await saved(page);
  expect(((await stored(page.request, id)).draft as { actions: { id: string }[] }).actions.map((step) => step.id)).toEqual(["s3", "s1", "s4", "s5"]);
});

test("a test run shows each verdict and each rendered field, and sends nothing; problems are at their fields", async ({ page }) => {
  const id = await draft(page.request, "Tried", {
    conditions: [{ logic: "AND" }, { field: "submission.data.q_nps", operator: "<=", value: 6 }],
    actions: [{ id: "s1", type: "create_ticket", config: { title: "{{submission.data.q_name}} gave {{submission.data.q_nps}}" } }, { id: "s2", type: "send_email", config: { to: "nobody" } }],
  });
  await open(page, id);
  await expect(page.locator('[data-node="step:s2"]')).toHaveAccessibleName(/problems/);
  await page.locator('[data-node="step:s2"]').click();
  await expect(panel(page).getByText('"nobody" is not an email address')).toBeVisible();
  await field(page, "To").fill("somebody@example.com");
  await field(page, "Subject").fill("Hello");
  await field(page, "Body").fill("Hello");
  await saved(page);
  await expect(page.locator('[data-node="step:s2"]')).not.toHaveAccessibleName(/problem/);
  const tickets = async () => ((await (await page.request.get("/api/tickets?limit=1")).json()) as { pagination: { total: number } }).pagination.total;
  const before = await tickets();
  await page.getByRole("button", { name: "Test", exact: true }).click();
  await panel(page).getByText("Typed data").click();
  await panel(page).getByLabel("Event data (JSON)").fill(JSON.stringify({ submission: { data: { q_nps: 4, q_name: "Ada" } } }));
  await panel(page).getByRole("button", { name: "Run the test" }).click();
  await expect(panel(page).getByText("Ada gave 4")).toBeVisible();
  await expect(panel(page).getByText("4 is at most 6")).toBeVisible();
  await expect(page.locator('[data-node="step:s1"]')).toContainText("Would run");
  expect(await tickets()).toBe(before);
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`nothing is in the way of assistive technology (${colorScheme})`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const id = await draft(page.request, "Accessible", {
      conditions: [{ logic: "OR" }, { field: "submission.data.q_nps", operator: "<=", value: 6 }, { logic: "NOT", conditions: [{ field: "contact.email", operator: "is_empty" }] }],
      actions: [{ id: "s1", type: "create_ticket", config: {}, disabled: true }, { id: "s2", type: "webhook", config: { url: "https://example.com" } }],
    });
    await open(page, id);
    const clean = async (): Promise<void> => {
      const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]).analyze();
      expect(violations.map(({ id: rule, nodes }) => `${rule}: ${nodes.map(({ target, failureSummary }) => `${String(target)} ${failureSummary}`).join(" | ")}`)).toEqual([]);
    };
    for (const node of ["trigger", "conditions", "step:s1", "step:s2"]) {
      await page.locator(`[data-node="${node}"]`).click();
      await expect(panel(page)).toBeVisible();
      await clean();
    }
    await page.getByRole("button", { name: "List view" }).click();
    await clean();
  });
}
