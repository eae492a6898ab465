import { expect, it } from "vitest";
import { daysOf, startOf } from "./period";

it("shows every day of the period, also those on which nothing ran", () => {
  const now = new Date("2026-03-03T10:00:00Z");
  const start = startOf(3, now);
  expect(start).toBe("2026-03-01");
  expect(daysOf([{ date: "2026-03-02", total: 5, completed: 4, failed: 1, unmatched: 3 }], start, now)).toEqual([
    { date: "2026-03-01", completed: 0, failed: 0, unmatched: 0 },
    { date: "2026-03-02", completed: 1, failed: 1, unmatched: 3 },
    { date: "2026-03-03", completed: 0, failed: 0, unmatched: 0 },
  ]);
});
