// How long a frame of a list takes with 1,000 rows: while one moves about in it, asks for more of it, and searches.
import { expect, test } from "../tests/server";
import { frames, HEAD, told } from "./frames";

const ROWS = 1_000;

test("frames of a list with 1,000 rows", async ({ page, server, signedIn }) => {
  void signedIn;
  const headers = { authorization: `Bearer ${server.key}` };
  for (let from = 0; from < ROWS; from += 50) {
    const numbers = Array.from({ length: 50 }, (_, index) => from + index);
    await Promise.all(numbers.map(async (number) => {
      const data = { name: `Person ${number}`, email: `person${number}@list.example.com`, company: `Company ${number % 40}`, segment: `segment-${number % 7}`, tags: ["listed", `tag-${number % 11}`] };
      const made = await page.request.post("/api/contacts", { headers, data });
      expect(made.ok(), await made.text()).toBe(true);
    }));
  }
  await page.goto("/contacts?q=list.example.com");
  const rows = page.locator("tbody tr");
  const more = page.getByRole("button", { name: "Show more" });
  await rows.first().waitFor();
  const lines: string[] = [];
  const measure = async (what: string, act: () => Promise<void>): Promise<void> => {
    lines.push(told(what, await frames(page, act)));
  };
  const grow = async (until: number): Promise<void> => {
    for (let shown = await rows.count(); shown < until; shown = await rows.count()) {
      await more.click();
      await expect.poll(() => rows.count()).toBeGreaterThan(shown);
    }
  };
  await grow(ROWS - 50);
  await measure("the last page comes", () => grow(ROWS));
  await page.mouse.move(640, 400);
  await measure("moving by the wheel", async () => {
    for (let turns = 0; turns < 120; turns += 1) await page.mouse.wheel(0, turns < 60 ? -400 : 400);
  });
  // The times in the rows are told anew every 15 seconds.
  await measure("standing still for 20 s", () => page.waitForTimeout(20_000));
  await measure("opening a row", async () => {
    await rows.nth(ROWS - 20).getByRole("button").first().click();
    await page.getByRole("dialog").getByLabel("Company").waitFor();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
  });
  await page.evaluate(() => window.scrollTo(0, 0));
  await measure("searching", async () => {
    await page.getByRole("searchbox").fill("person77");
    await expect(rows).toHaveCount(11);
  });
  console.log([HEAD, ...lines].join("\n"));
});
