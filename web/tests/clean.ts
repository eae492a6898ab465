import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect } from "./server";

/** Nothing on the screen keeps anybody from reading or using it. */
export async function clean(page: Page): Promise<void> {
  // A notice that fades away has no colours of its own, and one under the pointer stays.
  await page.mouse.move(0, 0);
  await expect(page.locator(".mantine-Notification-root")).toHaveCount(0);
  const { violations } = await new AxeBuilder({ page }).exclude("iframe").withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${String(target)} ${failureSummary}`).join(" | ")}`)).toEqual([]);
}

/** The same in the dark, and on a phone, where nothing has to be moved sideways. */
export async function cleanEverywhere(page: Page): Promise<void> {
  await clean(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await clean(page);
  const size = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  // The navigation glides away first.
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
  await page.emulateMedia({ colorScheme: null });
  if (size) await page.setViewportSize(size);
}
