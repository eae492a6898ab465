import { expect, it } from "vitest";
import { clockText, momentOf } from "./clock";

it("reads a moment on the clock of a zone, and back, also around the nights when the clocks are changed", () => {
  expect(clockText("2026-12-01T08:00:12Z", "Europe/Amsterdam")).toBe("2026-12-01T09:00");
  expect(momentOf("2026-12-01T09:00", "Europe/Amsterdam")).toBe("2026-12-01T08:00:00.000Z");
  expect(momentOf("2026-07-01T09:00", "America/St_Johns")).toBe("2026-07-01T11:30:00.000Z");
  for (const clock of ["2026-03-29T01:30", "2026-03-29T03:30", "2026-10-25T01:30", "2026-10-25T03:30", "0202-01-01T09:00"]) {
    expect(clockText(momentOf(clock, "Europe/Amsterdam") ?? "", "Europe/Amsterdam")).toBe(clock);
  }
  expect(momentOf("", "Europe/Amsterdam")).toBeNull();
  expect(clockText("soon", undefined)).toBe("");
});
