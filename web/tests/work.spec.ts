// What people do beside building: decide, find out why, run for many records, move what waits, and see that nothing is missed.
import type { APIRequestContext } from "@playwright/test";
import { expect, type Server, test } from "./server";

/** Programs act as a key: who has started something may not decide about it. */
function asKey(request: APIRequestContext, { key }: Server) {
  const headers = { authorization: `Bearer ${key}` };
  return {
    workflow: async (data: object): Promise<number> => {
      const answer = await request.post("/api/workflows", { headers, data: { is_active: true, actions: [], ...data } });
      expect(answer.ok(), await answer.text()).toBe(true);
      return ((await answer.json()) as { data: { id: number } }).data.id;
    },
    replace: async (id: number, data: object): Promise<void> => {
      const answer = await request.patch(`/api/workflows/${id}`, { headers, data });
      expect(answer.ok(), await answer.text()).toBe(true);
    },
    event: async (event: string, data: object): Promise<void> => {
      const answer = await request.post("/api/events", { headers, data: { event, data } });
      expect(answer.status(), await answer.text()).toBe(202);
    },
    get: async <Data>(path: string): Promise<Data> => ((await (await request.get(path, { headers })).json()) as { data: Data }).data,
  };
}

test.beforeEach(({ signedIn }) => signedIn);

test("somebody decides in the inbox: answers are asked for, kept and shown, and the run goes on", async ({ page, server }) => {
  const key = asKey(page.request, server);
  const form = [{ key: "amount", type: "number", label: "How much do we refund?", required: true }];
  await key.workflow({
    name: "Large refunds", trigger_event: "refund.large",
    actions: [{ id: "ask", type: "approval", config: { title: "Refund {{name}}?", message: "It arrived broken.", approvers: [{ role: "admin" }], timeout: "2d", form, onApproved: [{ id: "note", type: "create_ticket", config: { title: "Refund {{steps.ask.output.form.amount}}" } }] } }],
  });
  await page.goto("/approvals");
  await key.event("refund.large", { name: "Ada" });
  await page.getByRole("button", { name: "Refund Ada?" }).click();
  const drawer = page.getByRole("dialog", { name: "Refund Ada?" });
  await expect(drawer.getByText("every administrator")).toBeVisible();
  await drawer.getByRole("link", { name: /^Execution \d+/ }).click();
  await expect(page.getByText("Waits for a decision, at most")).toBeVisible();
  await page.getByRole("link", { name: "Open the approval" }).click();
  await drawer.getByRole("button", { name: "Approve" }).click();
  await expect(drawer.getByRole("textbox", { name: /How much/ })).toHaveAttribute("aria-invalid", "true");
  await drawer.getByRole("textbox", { name: /How much/ }).fill("250");
  await drawer.getByLabel("Comment").fill("She is right.");
  await drawer.getByRole("button", { name: "Approve" }).click();
  await expect(page.getByText("Approved. The run goes on.")).toBeVisible();

  await page.goto("/approvals?status=approved");
  await page.getByRole("button", { name: "Refund Ada?" }).click();
  const said = drawer.getByRole("region").or(drawer.locator("section"));
  await expect(said.getByText("Maya de Vries")).toBeVisible();
  await expect(said.getByText("She is right.")).toBeVisible();
  await expect(said.getByText("How much do we refund?")).toBeVisible();
  await expect(said.getByText("250", { exact: true })).toBeVisible();
  await drawer.getByRole("link", { name: /^Execution \d+/ }).click();
  await expect(page.locator('[data-node="step:note"]')).toHaveAttribute("data-status", "completed");
  await expect(page.getByRole("link", { name: /^Ticket #/ })).toBeVisible();
});

test("a run that was stopped says so, and by what; one that was called is reached from its caller", async ({ page, server }) => {
  const key = asKey(page.request, server);
  const called = await key.workflow({ name: "Called", trigger_event: "manual", actions: [{ type: "set", config: { variables: { done: "yes" } } }] });
  await key.workflow({
    name: "Only large orders", trigger_event: "order.placed",
    actions: [{ type: "run_workflow", config: { workflowId: called, data: {}, wait: true } }, { id: "large", type: "filter", name: "Only large ones", config: { conditions: [{ field: "total", operator: ">", value: 100 }] } }, { id: "ticket", type: "create_ticket", config: { title: "Look" } }],
  });
  await key.event("order.placed", { total: 20 });
  await page.goto("/executions?q=order.placed&status=completed");
  await page.goto("/executions");
  const row = page.getByRole("row", { name: /Only large orders/ });
  await expect(row).toContainText("Stopped early");
  await expect(row).toContainText("Only large ones: the conditions do not hold");
  await row.getByRole("link", { name: /Only large orders/ }).click();
  await expect(page.getByText("It ended before its last step")).toBeVisible();
  await expect(page.locator('[data-node="step:large"]')).toHaveAttribute("data-status", "stopped");
  await expect(page.locator('[data-node="step:ticket"]')).toHaveAttribute("data-passed-by", "true");
  await expect(page.getByText("20 is not greater than 100")).toBeVisible();
  // The node answers to the space bar as to a click.
  await page.locator('[data-node="step:large"]').focus();
  await page.keyboard.press(" ");
  await expect(page.getByRole("button", { name: /Only large ones/ }).and(page.locator("li button"))).toBeFocused();
  await page.getByRole("region", { name: "Runs that it started" }).getByRole("link", { name: /Called #\d+/ }).click();
  await expect(page.getByRole("heading", { name: "Called", level: 1 })).toBeVisible();
});

test("why a workflow did not run is found out for an answer, and of what its rules refused", async ({ page, server }) => {
  const key = asKey(page.request, server);
  const id = await key.workflow({ name: "One an hour", trigger_event: "bell.rings", rateLimit: { limit: 1, per: "1h" }, actions: [{ type: "stop", config: {} }] });
  await key.event("bell.rings", {});
  await key.event("bell.rings", {});
  await page.goto(`/workflows/${id}`);
  const why = page.getByRole("region", { name: "Why did it not run?" });
  await expect(why.getByText(/It runs 1 times in 1h at most/)).toBeVisible();
  await page.goto("/workflows/1");
  await why.getByRole("combobox", { name: "For an answer" }).click();
  await page.getByRole("option", { name: /^#\d+\s+(9|10) / }).first().click();
  await expect(why.getByText(/is not at most 6/).first()).toBeVisible();
});

test("a workflow runs for many records: looked at first, watched, and done", async ({ page, server }) => {
  const key = asKey(page.request, server);
  const id = await key.workflow({ name: "Greet all", trigger_event: "contact_created", actions: [{ type: "add_tag", config: { entity: "contact", entityId: "{{contact.id}}", tag: "greeted" } }] });
  await page.goto(`/workflows/${id}`);
  await page.getByRole("button", { name: "Actions for Greet all" }).click();
  await page.getByRole("menuitem", { name: "Run for many records…" }).click();
  const dialog = page.getByRole("dialog", { name: "Run “Greet all” for many records" });
  await dialog.getByLabel("Records a second").fill("1000");
  await dialog.getByRole("button", { name: "See what it would do" }).click();
  await expect(dialog.getByText(/^\d+ records match\.$/)).toBeVisible();
  await expect(dialog.getByText(/would run/)).toBeVisible();
  expect((await key.get<unknown[]>("/api/jobs")).length).toBe(0);
  await dialog.getByRole("button", { name: /^Start for \d+ records$/ }).click();
  await expect(page).toHaveURL(/\/jobs\?workflowId=/);
  const row = page.getByRole("row", { name: /Greet all/ });
  await expect(row.getByText("Done")).toBeVisible({ timeout: 30_000 });
  await expect(row.getByRole("progressbar")).toHaveAttribute("aria-valuenow", "100");
  // The next one is slow enough to be held.
  await page.request.post(`/api/workflows/${id}/run`, { headers: { authorization: `Bearer ${server.key}` }, data: { source: "contacts", rate: 1 } });
  await page.reload();
  const slow = page.getByRole("row", { name: /Run for many/ });
  await slow.getByRole("button", { name: "Pause" }).click();
  await expect(slow.getByText("Paused")).toBeVisible();
  await slow.getByRole("button", { name: "Resume" }).click();
  await expect(slow.getByText("Running")).toBeVisible();
  await slow.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Cancel the job" }).click();
  await expect(slow.getByText("Cancelled")).toBeVisible();
});

test("two versions are compared, and a run that waits is moved to the newer one", async ({ page, server }) => {
  const key = asKey(page.request, server);
  const wait = { id: "s1", type: "delay", config: { duration: "1d" } };
  const id = await key.workflow({ name: "Sleepy", trigger_event: "nap.begins", actions: [wait] });
  await key.event("nap.begins", {});
  await key.replace(id, { actions: [wait, { id: "s2", type: "create_ticket", config: { title: "Awake" } }] });
  await page.goto(`/workflows/${id}`);
  await page.getByRole("link", { name: "Version 2" }).click();
  await expect(page.getByRole("region", { name: "What is different" }).getByText("Added", { exact: true })).toBeVisible();
  const waiting = page.getByRole("region", { name: "Runs that wait on older versions" });
  await waiting.getByRole("button", { name: "See which can move" }).click();
  await expect(waiting.getByText("1 can go on with version 2.")).toBeVisible();
  await waiting.getByRole("button", { name: "Move 1 run" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Move", exact: true }).click();
  await expect(page.getByText("1 run goes on with version 2.")).toBeVisible();
  expect((await key.get<{ workflow_version: number }[]>(`/api/workflow-executions?workflowId=${id}`))[0]?.workflow_version).toBe(2);
});

test("a step without a name is called on the overview as in the builder", async ({ page }) => {
  await page.goto("/");
  const slowest = page.getByRole("region", { name: "Slowest steps" });
  await expect(slowest.getByRole("link", { name: "Create a ticket" }).first()).toBeVisible();
  await expect(slowest.getByText(/^[a-z]+_[a-z_]+$/)).toHaveCount(0);
});

test("a stream that is refused is opened again, and what was missed is read", async ({ page, server }) => {
  const key = asKey(page.request, server);
  await key.workflow({ name: "Heard at last", trigger_event: "horn.sounds", actions: [{ type: "stop", config: {} }] });
  let refused = 0;
  await page.route("/api/live", (route) => {
    refused += 1;
    return route.fulfill({ status: 503, body: "" });
  });
  await page.goto("/executions");
  await expect(page.getByRole("table").getByRole("link").first()).toBeVisible();
  await expect.poll(() => refused).toBeGreaterThan(0);
  await key.event("horn.sounds", {});
  await page.unroute("/api/live");
  await expect(page.getByRole("link", { name: /Heard at last/ })).toBeVisible({ timeout: 15_000 });
  await key.event("horn.sounds", {});
  await expect(page.getByRole("link", { name: /Heard at last/ })).toHaveCount(2);
});
