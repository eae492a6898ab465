// The times between the frames that a browser draws, which is what a person sees of how fast a screen is.
import type { Page } from "@playwright/test";

export const HEAD = `${"milliseconds per frame".padEnd(26)} frames    p50    p95  worst  > 50 ms`;

/** The times between the frames that the browser draws while something is done, in milliseconds. */
export async function frames(page: Page, act: () => Promise<void>): Promise<number[]> {
  await page.evaluate(() => {
    const seen: number[] = [];
    let last = performance.now();
    const look = (now: number): void => {
      seen.push(now - last);
      last = now;
      if ((window as { watching?: boolean }).watching) requestAnimationFrame(look);
    };
    Object.assign(window, { watching: true, seen });
    requestAnimationFrame(look);
  });
  await act();
  return page.evaluate(() => {
    Object.assign(window, { watching: false });
    return (window as unknown as { seen: number[] }).seen.slice(1);
  });
}

/** A line below the head. */
export function told(what: string, times: number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1).padStart(7);
  const late = ((100 * times.filter((time) => time > 50).length) / Math.max(1, times.length)).toFixed(1).padStart(5);
  return `${what.padEnd(26)}${String(times.length).padStart(7)}${at(0.5)}${at(0.95)}${at(1)}${late} %`;
}
