// Control steps, triggers and runs: built by hand in a real browser, run by the real server, and looked at where they ran.
import type { APIRequestContext, Locator, Page } from "@playwright/test";
import { expect, test as base } from "./server";

const test = base.extend({ extraHTTPHeaders: async ({ server }, use) => use({ origin: server.url }) });

async function draft(request: APIRequestContext, name: string, more: object = {}): Promise<number> {
  const answer = await request.post("/api/workflows?draft=true", { data: { name, trigger_event: "submission_completed", ...more } });
  expect(answer.status(), await answer.text()).toBe(201);
  return ((await answer.json()) as { data: { id: number } }).data.id;
}

async function stored(request: APIRequestContext, id: number): Promise<Record<string, unknown>> {
  const { data } = (await (await request.get(`/api/workflows/${id}`)).json()) as { data: { draft: Record<string, unknown> | null } & Record<string, unknown> };
  return data.draft ?? data;
}

async function open(page: Page, id: number): Promise<void> {
  await page.goto(`/workflows/${id}/edit`);
  await expect(page.locator("[data-node=trigger]").first()).toBeVisible();
}

const panel = (page: Page) => page.locator("[data-panel]");
const field = (inside: Locator, name: string) => inside.getByRole("textbox", { name, exact: true }).or(inside.getByRole("combobox", { name, exact: true }));
const saved = (page: Page) => expect(page.getByText("Draft saved")).toBeVisible();

test.beforeEach(({ signedIn }) => signedIn);
test.describe.configure({ timeout: 180_000 });

test("a branch is built by mouse, moved in and out of, published, run, and drawn with the way that the run took", async ({ page }) => {
  const id = await draft(page.request, "By score");
  await open(page, id);
  const gap = (list: string, index: number) => page.locator(`[data-gap="gap:${list}:${index}"]`);
  const pick = async (name: string) => page.getByRole("dialog").getByRole("option", { name, exact: false }).first().click();

  await gap("actions", 0).click();
  await pick("Branch");
  const first = panel(page).getByRole("group", { name: "Branch 1", exact: true });
  await first.getByRole("button", { name: "Add a condition" }).click();
  await field(first, "Field").click();
  await page.getByRole("option", { name: "NPS score" }).click();
  await field(first, "Operator").click();
  await page.getByRole("option", { name: "is at most" }).click();
  await field(first, "Value").fill("6");
  await field(first, "Name").fill("Unhappy");
  await expect(page.getByText("Unhappy: NPS score is at most 6")).toBeVisible();

  const wide = async () => {
    await panel(page).getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Show all" }).click();
  };
  await wide();
  await gap("actions[0].config.branches[0].actions", 0).click();
  await pick("Create a ticket");
  await field(panel(page), "Title").fill("Call them");
  await wide();
  await gap("actions[0].config.else", 0).click();
  await pick("Stop");
  await wide();
  await page.locator('[data-node="step:s2"]').dragTo(gap("actions", 1));
  await expect.poll(async () => (await page.locator("[data-node^='step:']").evaluateAll((nodes) => nodes.map((node) => node.getAttribute("data-node")))).join()).toBe("step:s1,step:s3,step:s2");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(async () => (await page.locator("[data-node^='step:']").evaluateAll((nodes) => nodes.map((node) => node.getAttribute("data-node")))).join()).toBe("step:s1,step:s2,step:s3");
  await saved(page);
  expect((await stored(page.request, id)).actions).toEqual([
    {
      id: "s1", type: "branch",
      config: {
        branches: [{ name: "Unhappy", conditions: [{ logic: "AND" }, { field: "submission.data.q_nps", operator: "less_than_or_equal", value: 6 }], actions: [{ id: "s2", type: "create_ticket", config: { title: "Call them" } }] }],
        else: [{ id: "s3", type: "stop", config: {} }],
      },
    },
  ]);
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByRole("button", { name: "Publish", exact: true }).last().click();
  await expect(page.getByText("Version 1 is live")).toBeVisible();

  await page.goto(`/workflows/${id}`);
  await page.getByRole("button", { name: "Run now" }).click();
  await page.getByLabel("Trigger data (JSON)").fill(JSON.stringify({ submission: { data: { q_nps: 3 } } }));
  await page.getByRole("dialog").getByRole("button", { name: "Run now" }).click();
  await expect(page).toHaveURL(/\/executions\/\d+/);
  await expect(page.locator('[data-node="step:s2"]')).toHaveAttribute("data-status", "completed");
  await expect(page.locator('[data-node="step:s3"]')).toHaveAttribute("data-passed-by", "true");
  await page.locator('[data-node="step:s2"]').click();
  await expect(page.getByRole("button", { name: /Create a ticket Branch 1/ })).toBeFocused();
  await expect(page.getByRole("region", { name: "What it made" }).getByRole("link", { name: /^Ticket #/ })).toBeVisible();
});

/** Tab from field to field, as somebody without a mouse does. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  for (let presses = 0; presses < 60; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  await expect(target).toBeFocused();
}

test("the NPS follow-up is built by keyboard alone, published, and seen to run live", async ({ page, context }) => {
  const id = await draft(page.request, "By keyboard", { trigger_config: { formId: 1 } });
  await open(page, id);
  const side = panel(page);
  const choose = async (words: string) => {
    await page.keyboard.type(words);
    await expect(page.getByRole("option").first()).toBeVisible();
    await page.keyboard.press("Enter");
  };
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(page.locator("[data-node=conditions]")).toBeFocused();
  await page.keyboard.press("Enter");
  await tabTo(page, side.getByRole("button", { name: "Add a condition" }));
  await page.keyboard.press("Enter");
  await expect(field(side, "Field")).toBeFocused();
  await page.keyboard.type("nps score");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(field(side, "Field")).toHaveValue("submission.data.q_nps");
  await tabTo(page, field(side, "Operator"));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("option", { name: "is at most" })).toBeVisible();
  for (let presses = 0; presses < 20 && (await page.locator("[data-combobox-selected]").allTextContents()).join() !== "is at most"; presses += 1) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(field(side, "Operator")).toHaveValue("is at most");
  await tabTo(page, field(side, "Value"));
  await page.keyboard.type("6");
  await page.keyboard.press("Escape");
  await expect(page.locator("[data-node=conditions]")).toBeFocused();

  const add = async (words: string) => {
    await page.keyboard.press("a");
    await expect(page.getByRole("dialog").getByRole("combobox")).toBeFocused();
    await choose(words);
    await expect(side.getByRole("textbox", { name: "Name", exact: true })).toBeFocused();
  };
  const fill = async (name: string, text: string) => {
    await tabTo(page, field(side, name));
    await page.keyboard.type(text);
  };
  await add("create a ticket");
  await fill("Title", "NPS Detractor: {{name");
  await expect(page.getByRole("option").first()).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(field(side, "Title")).toHaveValue("NPS Detractor: {{submission.data.q_name}}");
  await page.keyboard.press("Escape");
  await add("send an email");
  await fill("To", "manager@company.com");
  await fill("Subject", "NPS Alert");
  await fill("Body", "A detractor has answered.");
  await page.keyboard.press("Escape");
  await add("update a contact");
  await fill("Contact id", "{{submission.contactId}}");
  await tabTo(page, side.getByRole("button", { name: "Add a field" }));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await tabTo(page, field(side, "Updates: Field 1"));
  await page.keyboard.type("segment");
  await page.keyboard.press("Escape");
  await tabTo(page, field(side, "Updates: segment"));
  await page.keyboard.type("detractor");
  await saved(page);
  await page.keyboard.press("Control+Enter");
  await tabTo(page, page.getByRole("button", { name: "Publish and switch on" }));
  await page.keyboard.press("Enter");
  await expect(page.getByText("It is active")).toBeVisible();

  await page.goto(`/executions?workflowId=${id}`);
  await expect(page.getByText("No execution matches")).toBeVisible();
  const form = await context.newPage();
  await form.goto("/f/northwind-nps");
  await form.getByRole("radio", { name: "2", exact: true }).first().check({ force: true });
  await form.getByRole("button").last().click();
  await expect(form.getByRole("radio")).toHaveCount(0);
  await form.close();
  await page.getByRole("link", { name: /By keyboard/ }).click();
  await expect(page.locator('[data-node="step:s1"]')).toHaveAttribute("data-status", "completed");
  await expect(page.locator('[data-node="step:s2"]')).toHaveAttribute("data-status", "completed");
  await page.request.post(`/api/workflows/${id}/deactivate`);
});

test("a schedule is set by rhythm, and the server says when it is next", async ({ page }) => {
  const id = await draft(page.request, "Mondays", { actions: [{ id: "s1", type: "stop", config: {} }] });
  await open(page, id);
  await page.locator("[data-node=trigger]").click();
  await panel(page).getByText("Schedule", { exact: true }).click();
  await field(panel(page), "Repeats").click();
  await page.getByRole("option", { name: "Every week" }).click();
  await panel(page).getByLabel("At", { exact: true }).fill("10:30");
  await expect(page.locator("[data-node=trigger]")).toContainText("Every Monday at 10:30");
  await expect(panel(page).getByRole("listitem")).toHaveCount(5);
  await expect(panel(page).getByRole("listitem").first()).toContainText("Mon");
  await saved(page);
  expect(await stored(page.request, id)).toMatchObject({ trigger_event: "schedule", trigger_config: { cron: "30 10 * * 1" } });
});

test("a session that ends costs nothing: one signs in above the screen, and the draft is saved", async ({ page, context, server }) => {
  const id = await draft(page.request, "Still here");
  await open(page, id);
  await context.clearCookies();
  await page.getByLabel("Name of the workflow").fill("Typed while signed out");
  const dialog = page.getByRole("dialog", { name: "Please sign in again" });
  await dialog.getByLabel("Email").fill(server.email);
  await dialog.getByRole("textbox", { name: "Password" }).fill(server.password);
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await expect(dialog).toBeHidden();
  await expect.poll(async () => (await stored(page.request, id)).name, { timeout: 20_000 }).toBe("Typed while signed out");
});

test("fifty random edits are undone to the start, and redone to the end", async ({ page }) => {
  const actions = [{ id: "s1", type: "create_ticket", config: {} }, { id: "s2", type: "branch", config: { branches: [{ name: "One", conditions: [], actions: [{ id: "s3", type: "delay", config: { duration: "1h" } }] }], else: [] } }, { id: "s4", type: "stop", config: {} }];
  const id = await draft(page.request, "Fifty", { actions });
  await open(page, id);
  await page.locator('[data-node="step:s1"]').focus();
  // A fixed seed: what fails once fails again.
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed % below;
  };
  const undo = page.getByRole("button", { name: "Undo" });
  const redo = page.getByRole("button", { name: "Redo" });
  const canvas = () => page.locator("[data-node]").evaluateAll((nodes) => nodes.map((node) => `${node.getAttribute("data-node")} ${node.getAttribute("data-disabled")} ${node.parentElement?.style.transform ?? ""}`).join("\n"));
  const beginning = await canvas();
  const keys = ["d", "o", "Alt+ArrowUp", "Alt+ArrowDown", "Delete", "d"];
  for (let edits = 0; edits < 50; ) {
    for (let moves = random(3); moves >= 0; moves -= 1) await page.keyboard.press("ArrowDown");
    const before = await canvas();
    const key = keys[random(keys.length)] ?? "d";
    // With nothing left there would be nothing to do.
    await page.keyboard.press(key === "Delete" && before.split("\n").length < 6 ? "d" : key);
    if ((await canvas()) !== before) edits += 1;
    for (let moves = random(4); moves > 0; moves -= 1) await page.keyboard.press("ArrowUp");
  }
  const end = await canvas();
  let undone = 0;
  for (; undone < 80 && (await undo.isEnabled()); undone += 1) await page.keyboard.press("Control+z");
  expect(undone).toBeGreaterThanOrEqual(50);
  expect(await canvas()).toBe(beginning);
  await expect.poll(async () => (await stored(page.request, id)).actions).toEqual(actions);
  for (let redone = 0; redone < undone; redone += 1) await page.keyboard.press("Control+Shift+z");
  await expect(redo).toBeDisabled();
  expect(await canvas()).toBe(end);
});

test("several runs are cancelled at once", async ({ page }) => {
  const made = await page.request.post("/api/workflows", { data: { name: "Sleepers", trigger_event: "sleep.well", is_active: true, actions: [{ type: "delay", config: { duration: "1d" } }] } });
  const { data } = (await made.json()) as { data: { id: number } };
  for (let times = 0; times < 3; times += 1) await page.request.post("/api/events", { data: { event: "sleep.well", data: { times } } });
  await page.goto(`/executions?workflowId=${data.id}&status=waiting`);
  await expect(page.getByRole("table").getByRole("link")).toHaveCount(3);
  await page.getByRole("checkbox", { name: "Select everything shown" }).click();
  await page.getByRole("region", { name: "3 selected" }).getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("3 cancelled.")).toBeVisible();
  await expect(page.getByText("No execution matches")).toBeVisible();
});
