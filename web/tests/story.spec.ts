import { expect, test } from "./server";
import { receiver } from "./receiver";

test("somebody signs in where they wanted to go, and out again", async ({ page, server }) => {
  await page.goto("/executions?status=failed");
  await page.getByLabel("Email").fill(server.email);
  await page.getByRole("textbox", { name: "Password" }).fill("not this one");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("the email address or the password is wrong");
  await page.getByRole("textbox", { name: "Password" }).fill(server.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Executions" })).toBeVisible();
  await expect(page).toHaveURL(/status=failed/);
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
});

test("an answer is given on the public page, and its run appears without reloading", async ({ page, context, signedIn }) => {
  void signedIn;
  await page.goto("/executions");
  const first = page.getByRole("table").getByRole("link").first();
  await expect(first).toBeVisible();
  const before = await first.getAttribute("href");

  const form = await context.newPage();
  await form.goto("/f/northwind-nps");
  await form.getByRole("radio", { name: "3", exact: true }).first().check({ force: true });
  const words = form.getByRole("textbox").first();
  if (await words.isVisible()) await words.fill("Three mails and no answer.");
  await form.getByRole("button").last().click();
  await expect(form.getByRole("radio")).toHaveCount(0);
  await form.close();

  await expect.poll(() => first.getAttribute("href")).not.toBe(before);
  await page.getByRole("link", { name: /NPS Detractor Follow-up/ }).first().click();
  await expect(page.getByText("Conditions met")).toBeVisible();
  await expect(page.getByText("3 is at most 6")).toBeVisible();
  await page.getByRole("link", { name: /^#\d+$/ }).first().click();
  await expect(page.getByRole("heading", { name: /^Answer \d+/ })).toBeVisible();
  await expect(page.getByRole("link", { name: "NPS Detractor Follow-up" })).toBeVisible();
});

test("a webhook breaks, the run says why, and a retry goes on where it failed", async ({ page, server, signedIn }) => {
  void signedIn;
  const hook = await receiver();
  const headers = { authorization: `Bearer ${server.key}` };
  const made = await page.request.post("/api/workflows", { headers, data: {
    name: "Tell the helpdesk", trigger_event: "order.shipped", is_active: true, conditions: [],
    actions: [{ type: "create_ticket", config: { title: "Order {{order.id}}" } }, { type: "webhook", name: "Call the helpdesk", critical: true, config: { url: hook.url, body: { order: "{{order.id}}" } } }],
  } });
  expect(made.ok(), await made.text()).toBe(true);
  const posted = await page.request.post("/api/events", { headers, data: { event: "order.shipped", data: { order: { id: 4711 } } } });
  expect(posted.status()).toBe(202);

  await page.goto("/executions?q=4711");
  await page.getByRole("link", { name: /Tell the helpdesk/ }).first().click();
  await expect(page.getByText("It failed")).toBeVisible();
  await expect(page.getByText(/500/).first()).toBeVisible();
  const failed = page.url();
  const calls = hook.state.calls;

  hook.state.broken = false;
  await page.getByRole("button", { name: "Retry", exact: true }).click();
  await page.getByRole("menuitem", { name: /from the failed step/ }).click();
  await expect(page).not.toHaveURL(failed);
  await expect(page.getByRole("main").getByText("Completed").first()).toBeVisible();
  await expect(page.getByText("2 done")).toBeVisible();
  expect(hook.state.calls).toBe(calls + 1);
  await page.getByRole("link", { name: /^#\d+$/ }).first().click();
  await expect(page).toHaveURL(failed);
  hook.close();
});

test("a workflow is mended, and the run that failed goes on with what it says now", async ({ page, server, signedIn }) => {
  void signedIn;
  const [broken, whole] = [await receiver(), await receiver()];
  whole.state.broken = false;
  const headers = { authorization: `Bearer ${server.key}` };
  const made = await page.request.post("/api/workflows", { headers, data: {
    name: "Tell the warehouse", trigger_event: "order.returned", is_active: true, conditions: [],
    actions: [{ type: "create_ticket", config: { title: "Return {{order.id}}" } }, { type: "webhook", name: "Call the warehouse", critical: true, config: { url: broken.url } }],
  } });
  const { data: { id } } = (await made.json()) as { data: { id: number } };
  await page.request.post("/api/events", { headers, data: { event: "order.returned", data: { order: { id: 4712 } } } });
  await page.goto("/executions?q=4712");
  await page.getByRole("link", { name: /Tell the warehouse/ }).first().click();
  await expect(page.getByText("It failed")).toBeVisible();
  const failed = page.url();

  await page.goto(`/workflows/${id}/edit`);
  await page.locator('[data-node="step:s2"]').click();
  await page.locator("[data-panel]").getByRole("textbox", { name: "URL" }).fill(whole.url);
  await expect(page.getByText("Draft saved")).toBeVisible();
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByRole("button", { name: "Publish", exact: true }).last().click();
  await expect(page.getByText("Version 2, no changes")).toBeVisible();

  await page.goto(failed);
  await page.getByRole("button", { name: "Retry", exact: true }).click();
  await page.getByRole("menuitem", { name: /with the current workflow/ }).click();
  await expect(page).not.toHaveURL(failed);
  await expect(page.getByRole("main").getByText("Completed").first()).toBeVisible();
  expect(whole.state.calls).toBe(1);
  const tickets = (await (await page.request.get("/api/tickets?q=Return%204712", { headers })).json()) as { data: unknown[] };
  expect(tickets.data, "what was done is not done again").toHaveLength(1);
  broken.close();
  whole.close();
});

test("a workflow that is exported can be imported, and is then the same", async ({ page, signedIn }) => {
  void signedIn;
  await page.goto("/workflows");
  await page.getByRole("button", { name: "Actions for Promoter thank-you" }).click();
  const download = page.waitForEvent("download");
  await page.getByRole("menuitem", { name: "Export" }).click();
  const path = await (await download).path();
  await page.locator('input[type="file"]').setInputFiles(path);
  await expect(page.getByText("The workflow was imported.")).toBeVisible();
  await expect(page.getByRole("link", { name: "Promoter thank-you" })).toHaveCount(1);
});

test("a template becomes a workflow", async ({ page, signedIn }) => {
  void signedIn;
  await page.goto("/templates");
  await page.getByRole("button", { name: /NPS detractor: close the loop/ }).click();
  await page.getByRole("combobox", { name: "Which form" }).click();
  await page.getByRole("option", { name: "NPS after support" }).click();
  await page.getByRole("combobox", { name: "Who is told" }).click();
  await page.getByRole("option").first().click();
  await page.getByRole("button", { name: "Use this template" }).click();
  await expect(page).toHaveURL(/\/workflows\/\d+/);
});
