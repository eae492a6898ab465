// What a company says of its mails: how they are sent, how often, what they look like, who vouches for them, what comes back, and who gets none any more.
import type { Page } from "@playwright/test";
import { clean, cleanEverywhere } from "./clean";
import { expect, type Server, test as base } from "./server";

/** The page's own requests come from the server's origin, and so do those of the tests. */
const test = base.extend({ extraHTTPHeaders: async ({ server }, use) => use({ origin: server.url }) });

test.beforeEach(({ signedIn }) => signedIn);

const part = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

type Settings = { sender: { name: string | null }; smtp: unknown; mail?: { marketing_limit: object; layout: string | null; attachments: boolean; dkim: object | null } };

async function settings(page: Page): Promise<Settings> {
  return ((await (await page.request.get("/api/settings")).json()) as { data: Settings }).data;
}

async function suppress(page: Page, address: string): Promise<void> {
  const answer = await page.request.post("/api/suppressions", { data: { address } });
  expect(answer.status(), await answer.text()).toBe(201);
}

/** The address for reports, as a mail service has it. */
async function reportsAddress(page: Page, server: Server): Promise<string> {
  const { data } = (await (await page.request.get("/api/email-reports")).json()) as { data: { url: string } };
  return new URL(data.url, server.url).toString();
}

test("an administrator sets up the company's mails, each part by itself, and what is refused is said at its field", async ({ page, server }) => {
  await page.goto("/settings?tab=email");
  const [sending, limit, layout, signature] = [part(page, "Sender and server"), part(page, "How often"), part(page, "Layout"), part(page, "Signature (DKIM)")];
  const save = (section: typeof sending) => section.getByRole("button", { name: "Save" }).click();
  const { sender } = await settings(page);

  // A server that is none; and what is typed here stays, while another part is saved.
  await sending.getByRole("switch").press(" ");
  await sending.getByLabel("Host").fill("no host!");
  await save(sending);
  await expect(sending.getByLabel("Host")).toHaveAccessibleDescription(/is not the name of a host/);
  await limit.getByLabel("Marketing mails at most").fill("5");
  await limit.getByRole("textbox", { name: "Within", exact: true }).fill("2");
  await save(limit);
  await expect.poll(async () => (await settings(page)).mail?.marketing_limit).toEqual({ mails: 5, period: "2w" });
  await expect(sending.getByLabel("Host")).toHaveValue("no host!");
  await sending.getByRole("switch").press(" ");
  await sending.getByLabel("Name of the sender").fill("Northwind Care Team");
  await save(sending);
  await expect.poll(() => settings(page)).toMatchObject({ sender: { name: "Northwind Care Team" }, smtp: null });

  await layout.getByRole("button", { name: "Begin with an example" }).click();
  await expect(layout.frameLocator("iframe").getByText("Thank you, Ingrid")).toBeVisible();
  const html = layout.getByLabel("HTML of the layout");
  const example = await html.inputValue();
  await html.fill("<p>A footer</p>");
  await expect(layout.getByText(/The mail has no place yet/)).toBeVisible();
  await save(layout);
  await expect(html).toHaveAccessibleDescription(/needs \{\{content\}\} once/);
  await html.fill(example);
  await save(layout);
  await expect.poll(async () => (await settings(page)).mail?.layout).toBe(example);

  await signature.getByRole("switch").press(" ");
  await signature.getByLabel("Domain").fill("northwind.example");
  await signature.getByLabel("Selector").fill("mail2026");
  await expect(signature.getByText("Receivers look for the public key in the TXT record of mail2026._domainkey.northwind.example.")).toBeVisible();
  await save(signature);
  await expect(signature.getByLabel("Private key")).toHaveAccessibleDescription(/no key of this domain and selector is kept/);
  await signature.getByRole("button", { name: "Make a key" }).click();
  const record = signature.getByRole("region", { name: "Text of the record", exact: true });
  await expect(record).toContainText("v=DKIM1; k=rsa; p=MII");
  const published = await record.textContent();
  await save(signature);
  await expect(signature.getByLabel("Private key")).toHaveAccessibleDescription(/A key is kept/);
  await expect(signature.getByLabel("Private key")).toHaveValue("");
  await expect(record, "it can still be copied").toHaveText(published ?? "nothing");
  expect((await settings(page)).mail?.dkim).toEqual({ domain: "northwind.example", selector: "mail2026" });

  await part(page, "Attachments").getByRole("switch").press(" ");
  await save(part(page, "Attachments"));
  await expect.poll(async () => (await settings(page)).mail?.attachments).toBe(true);

  const reports = part(page, "Bounces and complaints");
  const address = reports.getByLabel("Address for reports");
  const old = await address.inputValue();
  expect(old).toBe(await reportsAddress(page, server));
  await reports.getByRole("button", { name: "Replace the address" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Replace the address" }).click();
  await expect(address).not.toHaveValue(old);
  expect((await page.request.post(old, { data: { type: "complaint", email: "nobody@example.com" } })).status()).toBe(404);
  // With a key, only what is signed by it is taken in; without one, everything again.
  await reports.getByLabel("SendGrid's verification key").fill("no key!");
  await reports.getByRole("button", { name: "Keep the keys" }).click();
  await expect(reports.getByLabel("SendGrid's verification key")).toHaveAccessibleDescription(/is no key: copy it as the service shows it/);
  await reports.getByLabel("SendGrid's verification key").fill("");
  await reports.getByLabel("Mailgun's HTTP webhook signing key").fill("key-of-northwind");
  await reports.getByRole("button", { name: "Keep the keys" }).click();
  await expect(reports.getByText("Only what Mailgun has signed is taken in.")).toBeVisible();
  await expect(reports.getByLabel("Mailgun's HTTP webhook signing key")).toHaveValue("");
  const report = async () => (await page.request.post(await reportsAddress(page, server), { data: { type: "soft_bounce", email: "nobody@example.com" } })).status();
  expect(await report()).toBe(401);
  await reports.getByRole("button", { name: "Take away the key of Mailgun" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take away the key" }).click();
  await expect(reports.getByText(/^Whoever has the address can report\./)).toBeVisible();
  expect(await report()).toBeLessThan(300);
  await cleanEverywhere(page);

  const before = await page.request.patch("/api/settings", { data: { sender, mail: null } });
  expect(before.ok(), await before.text()).toBe(true);
});

test("whoever gets no mails is found, added and let off the list again, and a contact's page says so", async ({ page, server }) => {
  const bounced = await page.request.post(await reportsAddress(page, server), { data: { type: "hard_bounce", email: "Gone@Example.com", detail: "550 no such user" } });
  expect(bounced.ok(), await bounced.text()).toBe(true);
  const contact = await page.request.post("/api/contacts", { data: { name: "Gone Away", email: "gone@example.com" } });
  const { data: { id } } = (await contact.json()) as { data: { id: number } };

  await page.goto("/");
  await page.getByRole("link", { name: "Suppression list" }).click();
  const row = (address: string) => page.getByRole("row", { name: new RegExp(address) });
  await expect(row("gone@example.com")).toContainText("550 no such user");
  await expect(row("gone@example.com")).toContainText("Bounced");
  await expect(row("gone@example.com")).toContainText("No mails");

  await page.getByRole("button", { name: "Suppress an address" }).click();
  const drawer = page.getByRole("dialog", { name: "Suppress an address" });
  await drawer.getByLabel("Address").fill("Competitor@Example.com");
  await drawer.getByLabel("Why").fill("Works for a competitor");
  await drawer.getByRole("button", { name: "Suppress" }).click();
  await expect(row("competitor@example.com")).toContainText("Maya de Vries");
  // The same once more: it is refused, and that is told once, where it was asked for.
  await page.getByRole("button", { name: "Suppress an address" }).click();
  await drawer.getByLabel("Address").fill("competitor@example.com");
  await drawer.getByRole("button", { name: "Suppress" }).click();
  await expect(drawer.getByRole("alert")).toContainText("the address is on the list already");
  await expect(page.getByText("the address is on the list already")).toHaveCount(1);
  await clean(page);
  await page.keyboard.press("Escape");
  await expect(drawer).toHaveCount(0);
  await clean(page);

  await page.getByRole("combobox", { name: "Reason" }).click();
  await page.getByRole("option", { name: "Bounced" }).click();
  await expect(row("competitor@example.com")).toHaveCount(0);
  await expect(row("gone@example.com")).toBeVisible();
  await page.goto(`/contacts?open=${id}`);
  const note = page.getByRole("note", { name: "Suppression list" });
  await expect(note).toContainText("Gets no mails: they bounced");
  await note.getByRole("link", { name: "Suppression list" }).click();
  await row("gone@example.com").getByRole("button", { name: /^Remove/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove from the list" }).click();
  await expect(page.getByText("Nothing matches")).toBeVisible();
  await page.goto(`/contacts?open=${id}`);
  await expect(page.getByRole("dialog").getByLabel("Email")).toHaveValue("gone@example.com");
  await expect(note).toHaveCount(0);
});

test("a long list comes page by page, and who may only read is not shown who has said no", async ({ page, server }) => {
  await Promise.all(Array.from({ length: 55 }, (_, number) => suppress(page, `reader${number}@example.com`)));
  await page.goto("/suppressions?q=reader");
  const rows = page.getByRole("table", { name: "Suppression list" }).locator("tbody tr");
  await expect(rows).toHaveCount(50);
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(rows).toHaveCount(55);

  const reader = { email: "reader@example.com", password: "a long password" };
  expect((await page.request.post("/api/users", { data: { ...reader, role: "viewer" } })).ok()).toBe(true);
  await page.request.post("/api/session", { headers: { "x-forwarded-for": "10.0.1.1", origin: server.url }, data: reader });
  await page.goto("/settings?tab=email");
  await expect(page.getByRole("link", { name: "Contacts" })).toBeVisible();
  await expect(part(page, "Layout")).toBeVisible();
  await expect(page.getByRole("button", { name: "Save" })).toHaveCount(0);
  await expect(part(page, "Bounces and complaints")).toHaveCount(0);
  await expect(page.getByRole("navigation").getByRole("link", { name: "Suppression list" })).toHaveCount(0);
  await page.goto("/suppressions");
  await expect(page.getByText("The list is for editors")).toBeVisible();
});
