// Workflows as a whole: copies, hooks, rules of entry, triggers with problems, and steps that call other systems.
import type { APIRequestContext, Page } from "@playwright/test";
import { expect, test as base } from "./server";

const test = base.extend({ extraHTTPHeaders: async ({ server }, use) => use({ origin: server.url }) });

type Stored = Record<string, unknown> & { id: number; version: number; hook_url?: string; draft: Record<string, unknown> | null };

async function make(request: APIRequestContext, path: string, data: object): Promise<Stored> {
  const answer = await request.post(path, { data });
  expect(answer.ok(), await answer.text()).toBe(true);
  return ((await answer.json()) as { data: Stored }).data;
}

async function stored(request: APIRequestContext, id: number): Promise<Stored> {
  return ((await (await request.get(`/api/workflows/${id}`)).json()) as { data: Stored }).data;
}

async function openTrigger(page: Page, id: number) {
  await page.goto(`/workflows/${id}/edit`);
  await page.locator("[data-node=trigger]").click();
  return page.locator("[data-panel]");
}

test.beforeEach(({ signedIn }) => signedIn);

test("a copy of a workflow has all of it: also its rules, and what is done when it fails", async ({ page }) => {
  const rules = { enrolment: { policy: "once" }, concurrency: { limit: 1, behavior: "queue" }, logUnmatched: false, onFailure: [{ id: "s2", type: "create_ticket", config: { title: "Failed" } }] };
  const original = await make(page.request, "/api/workflows", { name: "To be copied", trigger_event: "copy.me", actions: [{ id: "s1", type: "stop", config: {} }], ...rules });
  await page.goto(`/workflows?q=To be copied`);
  await page.getByRole("button", { name: "Actions for To be copied" }).click();
  await page.getByRole("menuitem", { name: "Duplicate" }).click();
  await expect(page.getByRole("link", { name: "To be copied (copy)" })).toBeVisible();
  const { data } = (await (await page.request.get("/api/workflows?q=(copy)")).json()) as { data: Stored[] };
  expect(data[0]?.id).not.toBe(original.id);
  expect(data[0]?.draft).toMatchObject({ ...rules, trigger_event: "copy.me", actions: [{ id: "s1", type: "stop" }] });
});

test("a hook gets another address, and what somebody else did to the draft meanwhile is shown", async ({ page }) => {
  const definition = { name: "Called from outside", trigger_event: "webhook", trigger_config: { auth: { type: "none" }, respond: "accepted" }, actions: [{ id: "s1", type: "stop", config: {} }] };
  const { id, hook_url: before } = await make(page.request, "/api/workflows", { ...definition, is_active: true });
  const panel = await openTrigger(page, id);
  const address = panel.getByLabel("Address", { exact: true });
  const old = await address.inputValue();
  expect(old).toContain(before ?? "nothing");
  const { version } = await stored(page.request, id);
  const theirs = await page.request.put(`/api/workflows/${id}?draft=true`, { data: { ...definition, name: "Renamed by somebody", version } });
  expect(theirs.ok(), await theirs.text()).toBe(true);
  await panel.getByRole("button", { name: "Give it another address" }).click();
  await page.getByRole("button", { name: "Replace the address" }).click();
  await expect(address).not.toHaveValue(old);
  await expect(page.getByLabel("Name of the workflow")).toHaveValue("Renamed by somebody");
  expect((await page.request.post(old, { data: {} })).status()).toBe(404);
  expect((await page.request.post(await address.inputValue(), { data: {} })).status()).toBe(202);

  // Something unsaved on this side: then a person decides.
  await page.route("**/api/workflows/*?draft=true", (route) => route.abort());
  await page.getByLabel("Name of the workflow").fill("Renamed here");
  const now = await stored(page.request, id);
  await page.request.put(`/api/workflows/${id}?draft=true`, { data: { ...definition, name: "Renamed again", version: now.version } });
  await page.getByRole("switch", { name: "Active" }).click({ force: true });
  const dialog = page.getByRole("dialog", { name: "Somebody else changed this draft" });
  await expect(dialog).toContainText("Renamed again");
  await expect(dialog).toContainText("Renamed here");
  await page.unroute("**/api/workflows/*?draft=true");
  await dialog.getByRole("button", { name: "Keep mine" }).click();
  await expect.poll(async () => (await stored(page.request, id)).draft?.["name"]).toBe("Renamed here");
});

test("rules of entry are set in the panel, and what the server refuses is at their fields", async ({ page }) => {
  const { id } = await make(page.request, "/api/workflows?draft=true", { name: "With rules", trigger_event: "submission_completed", actions: [{ id: "s1", type: "stop", config: {} }] });
  const panel = await openTrigger(page, id);
  await panel.getByRole("button", { name: "Rules of entry" }).click();
  // By key: what unfolds moves for a moment.
  await panel.getByRole("switch", { name: /Who may enter again/ }).press(" ");
  await panel.getByRole("switch", { name: /Limit how fast it starts/ }).press(" ");
  const rate = panel.getByRole("group", { name: "Limit how fast it starts" });
  await rate.getByRole("textbox", { name: "In", exact: true }).fill("5");
  await rate.getByRole("textbox", { name: "Starts at most" }).fill("3");
  await expect(page.locator("[data-node=trigger]")).toContainText("limited entry");
  await panel.getByRole("group", { name: "Who may enter again" }).getByRole("combobox", { name: "How often" }).click();
  await page.getByRole("option", { name: "Once per" }).click();
  await expect(panel.getByRole("group", { name: "Who may enter again" }).getByText(/period|needed/i).first()).toBeVisible();
  await expect.poll(async () => (await stored(page.request, id)).draft).toMatchObject({ enrolment: { policy: "once_per" }, rateLimit: { limit: 3, per: "5m" } });
  await panel.getByRole("switch", { name: /Steps for when the run has failed/ }).press(" ");
  await expect(page.getByText("If the run fails")).toBeVisible();
});

test("what is wrong with a trigger is said, also where no field shows it", async ({ page }) => {
  const config = { relativeTo: "contact.created_at", offset: "1d", misfire: "skip" };
  const { id } = await make(page.request, "/api/workflows?draft=true", { name: "By a date", trigger_event: "schedule", trigger_config: config, actions: [{ id: "s1", type: "stop", config: {} }] });
  const panel = await openTrigger(page, id);
  await expect(panel.getByText(/trigger_config\.misfire: a schedule with relativeTo has no misfire/)).toBeVisible();
  await panel.getByText("Every so often", { exact: true }).click();
  await panel.getByText("By a record's date", { exact: true }).click();
  await expect(panel.getByText(/misfire/)).toHaveCount(0);
  await panel.getByLabel("Not before").fill("2027-01-01T09:00");
  await expect.poll(async () => (await stored(page.request, id)).draft?.["trigger_config"]).toEqual({ relativeTo: "submission.submittedAt", offset: "7d", startAt: "2027-01-01T08:00:00.000Z" });
});

test("a step that calls another system has the fields of what is done there", async ({ page }) => {
  await make(page.request, "/api/integrations", { name: "care-chat", provider: "slack", config: {}, secrets: { webhookUrl: "https://hooks.slack.com/services/T0/B0/x" } });
  const { id } = await make(page.request, "/api/workflows?draft=true", { name: "Tell the team", trigger_event: "submission_completed", actions: [{ id: "s1", type: "sync_integration", config: { integration: "care-chat" } }] });
  await page.goto(`/workflows/${id}/edit`);
  await page.locator('[data-node="step:s1"]').click();
  const panel = page.locator("[data-panel]");
  await panel.getByRole("combobox", { name: "Action" }).click();
  await page.getByRole("option", { name: "Send message" }).click();
  const payload = panel.getByRole("group", { name: "Send a message" });
  await payload.getByRole("textbox", { name: "Text", exact: true }).fill("Somebody is unhappy");
  await expect.poll(async () => (await stored(page.request, id)).draft?.["actions"]).toMatchObject([{ config: { integration: "care-chat", action: "send_message", payload: { text: "Somebody is unhappy" } } }]);
});
