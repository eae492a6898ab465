// What keeps a team's promises: when tickets are due, who is away, and who was asked to answer and has.
import type { Page } from "@playwright/test";
import { clean, cleanEverywhere } from "./clean";
import { expect, test as base } from "./server";

/** The page's own requests come from the server's origin, and so do those of the tests. */
const test = base.extend({ extraHTTPHeaders: async ({ server }, use) => use({ origin: server.url }) });

test.beforeEach(({ signedIn }) => signedIn);

// Times are shown and typed by the clock of the person: that is seen where the browser has another one.
test.use({ timezoneId: "America/St_Johns" });

async function get<Data>(page: Page, path: string): Promise<Data> {
  return ((await (await page.request.get(path)).json()) as { data: Data }).data;
}

async function make<Data>(page: Page, path: string, data: object): Promise<Data> {
  const answer = await page.request.post(path, { data });
  expect(answer.status(), await answer.text()).toBe(201);
  return ((await answer.json()) as { data: Data }).data;
}

/** As a field has it, by the clock of the demo company's administrator, which is not the browser's. */
function clock(hours: number): string {
  const at = new Date(Date.now() + hours * 3_600_000);
  return new Intl.DateTimeFormat("sv", { timeZone: "Europe/Amsterdam", dateStyle: "short", timeStyle: "short" }).format(at).replace(" ", "T");
}

test("a team promises when tickets are answered: it is set by priority, changed by hand, and what is over is said in a word", async ({ page }) => {
  test.setTimeout(120_000);
  const sla = async () => (await get<{ sla?: unknown }>(page, "/api/settings")).sla;
  await page.goto("/settings?tab=tickets");
  const part = page.getByRole("region", { name: "When tickets are due" });
  const save = part.getByRole("button", { name: "Save" });
  const time = (priority: string) => part.getByLabel(priority, { exact: true });
  await time("Urgent").fill("99999999");
  await save.click();
  await expect(time("Urgent")).toHaveAccessibleDescription(/is longer than a year/);
  await time("Urgent").fill("1");
  await time("Low").fill("1");
  await part.getByLabel("Low: unit").click();
  await page.getByRole("option", { name: "weeks" }).click();
  await part.getByLabel(/^Warn when/).fill("200");
  await save.click();
  await expect(part.getByLabel(/^Warn when/)).toHaveAccessibleDescription(/must be from 1 to 100/);
  await part.getByLabel(/^Warn when/).fill("50");
  await save.click();
  await expect.poll(sla).toEqual({ due_in: { urgent: "1h", low: "1w" }, warn_percent: 50 });
  // One that is emptied is due no more.
  await time("Low").fill("");
  await save.click();
  await expect.poll(sla).toEqual({ due_in: { urgent: "1h" }, warn_percent: 50 });
  await cleanEverywhere(page);

  const { id } = await make<{ id: number }>(page, "/api/tickets", { title: "The parcel is lost", priority: "urgent" });
  await page.goto("/tickets");
  const row = page.getByRole("row", { name: /The parcel is lost/ });
  await expect(row.getByRole("cell").filter({ hasText: /in 59 minutes|in 1 hour/ }).last()).toBeVisible();
  await row.getByRole("button", { name: "The parcel is lost" }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel("To be answered by").fill(clock(-2));
  await drawer.getByRole("button", { name: "Save" }).click();
  await expect(drawer.getByText("Overdue")).toBeVisible();
  const { due_at } = await get<{ due_at: string }>(page, `/api/tickets/${id}`);
  expect(Math.abs(Date.parse(due_at) - (Date.now() - 2 * 3_600_000)), "typed by the clock that is shown").toBeLessThan(120_000);
  await clean(page);
  await page.keyboard.press("Escape");
  await expect(drawer).toHaveCount(0);
  await expect(row.getByRole("cell").filter({ hasText: "Overdue" }).last()).toContainText("2 hours ago");
  await cleanEverywhere(page);
  await page.setViewportSize({ width: 360, height: 740 });
  await expect(row.getByText("Overdue").first(), "also on a phone").toBeVisible();
  await page.setViewportSize({ width: 1280, height: 800 });

  // Who waits for the customer is not late.
  await row.getByRole("button", { name: "The parcel is lost" }).click();
  await drawer.getByRole("combobox", { name: "Status" }).click();
  await page.getByRole("option", { name: "Pending" }).click();
  await expect(drawer.getByLabel("To be answered by")).toHaveCount(0);
  await drawer.getByRole("button", { name: "Save" }).click();
  await expect(drawer.getByText("Overdue")).toHaveCount(0);
  await page.keyboard.press("Escape");
  await expect(row.getByText("Overdue")).toHaveCount(0);

  const before = await page.request.patch("/api/settings", { data: { sla: null } });
  expect(before.ok(), await before.text()).toBe(true);
});

/** Opens a new ticket from the navigation, without reading the app anew, and sees how somebody stands among those to whom it can be given. */
async function choice(page: Page, name: string): Promise<void> {
  await page.getByRole("link", { name: "Tickets" }).click();
  await page.getByRole("button", { name: "New ticket" }).click();
  await page.getByRole("dialog").getByRole("combobox", { name: "Assigned to" }).click();
  await expect(page.getByRole("option", { name, exact: true })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
}

test("whoever is away says so, or an administrator does, and everybody sees it", async ({ page }) => {
  test.setTimeout(120_000);
  await page.goto("/");
  await choice(page, "Maya de Vries");
  await page.getByRole("link", { name: "Settings" }).click();
  const away = page.getByRole("switch", { name: "Away" });
  const save = page.getByRole("button", { name: "Save" });
  await away.press(" ");
  await page.getByLabel("Until").fill(clock(-24));
  await save.click();
  await expect(page.getByLabel("Until")).toHaveAccessibleDescription(/must be later than/);
  await page.getByLabel("Until").fill(clock(72));
  await save.click();
  await expect(page.getByText(/^Away until /)).toBeVisible();
  await cleanEverywhere(page);
  await page.getByRole("button", { name: "Account" }).click();
  await expect(page.getByRole("menu").getByText(/^Away until /)).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("tab", { name: "People" }).click();
  await expect(page.getByRole("row", { name: /Maya de Vries/ })).toContainText("Away until");
  await choice(page, "Maya de Vries (away)");
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("tab", { name: "My account" }).click();
  await away.press(" ");
  await save.click();
  await expect(page.getByText(/^Away until /)).toHaveCount(0);
  expect((await get<{ user: { away?: unknown } }>(page, "/api/session")).user.away ?? null).toBeNull();

  const { id } = await make<{ id: number }>(page, "/api/users", { email: "sam.holiday@example.com", name: "Sam Holiday", role: "editor" });
  await page.goto("/settings?tab=people");
  const row = page.getByRole("row", { name: /Sam Holiday/ });
  await row.getByRole("button", { name: "Actions for Sam Holiday" }).click();
  await page.getByRole("menuitem", { name: "Change or set away" }).click();
  const drawer = page.getByRole("dialog", { name: "Sam Holiday" });
  await drawer.getByRole("switch", { name: "Away" }).press(" ");
  await drawer.getByLabel("From").fill(clock(24));
  await drawer.getByRole("button", { name: "Save" }).click();
  await expect(row).toContainText("Away from");
  await drawer.getByLabel("From").fill("");
  await drawer.getByRole("button", { name: "Save" }).click();
  await expect(row.getByText("Away", { exact: true })).toBeVisible();
  await clean(page);
  await drawer.getByRole("switch", { name: "Away" }).press(" ");
  await drawer.getByRole("button", { name: "Save" }).click();
  await expect(row.getByText(/^Away/)).toHaveCount(0);
  expect((await get<{ away?: unknown }>(page, `/api/users/${id}`)).away ?? null).toBeNull();
});

test("a contact is invited by hand, answers by the link, and the list says so", async ({ page, browser }) => {
  await page.goto("/");
  await page.getByRole("link", { name: "Invitations" }).click();
  await expect(page.getByText("Nobody was invited yet")).toBeVisible();
  await cleanEverywhere(page);
  const contact = await make<{ id: number }>(page, "/api/contacts", { name: "Ines Prado", email: "ines.prado@example.com" });
  const form = (await get<{ id: number; name: string; slug: string }[]>(page, "/api/forms")).find(({ slug }) => slug === "northwind-nps");
  await page.goto(`/forms/${form?.id ?? 0}`);
  await page.getByRole("main").getByRole("link", { name: "Invitations" }).click();
  await page.getByRole("button", { name: "Invite a contact" }).click();
  const drawer = page.getByRole("dialog", { name: "Invite a contact" });
  await expect(drawer.getByRole("combobox", { name: "Form" })).toHaveValue(form?.name ?? "");
  await drawer.getByRole("combobox", { name: "Contact" }).fill("ines");
  await page.getByRole("option", { name: "Ines Prado (ines.prado@example.com)" }).click();
  await clean(page);
  await drawer.getByRole("button", { name: "Make the link" }).click();
  const link = await page.getByRole("dialog", { name: "The contact's own link" }).locator("pre").textContent();
  expect(link).toContain("/i/");
  await page.keyboard.press("Escape");
  // What fades away is not read any more, and has no contrast.
  await expect(page.getByRole("dialog")).toHaveCount(0);
  const row = page.getByRole("row", { name: /Ines Prado/ });
  await expect(row).toContainText("Not yet");
  await expect(row).toContainText("Maya de Vries");
  await cleanEverywhere(page);

  // Whoever has the link needs no account.
  const theirs = await (await browser.newContext()).newPage();
  await theirs.goto(link ?? "");
  await theirs.getByRole("radio", { name: "9", exact: true }).first().check({ force: true });
  await theirs.getByRole("button").last().click();
  await expect(theirs.getByRole("radio")).toHaveCount(0);
  await theirs.context().close();

  await page.goto(`/contacts?open=${contact.id}`);
  await page.getByRole("dialog").getByRole("link", { name: "Invitations" }).click();
  await expect(row).toContainText("Answered");
  await page.getByRole("combobox", { name: "Answer" }).click();
  await page.getByRole("option", { name: "Not yet" }).click();
  await expect(page.getByText("Nothing matches")).toBeVisible();
  await page.getByRole("combobox", { name: "Answer" }).click();
  await page.getByRole("option", { name: "Answered" }).click();
  await row.getByRole("link").last().click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Answer");
});
