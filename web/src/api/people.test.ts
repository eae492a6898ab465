import { expect, it } from "vitest";
import { absenceAt } from "./people";

const now = Date.parse("2026-12-01T12:00:00Z");

it("knows who is away, who will be, and who is back", () => {
  expect(absenceAt(null, now)).toBe("none");
  expect(absenceAt({ from: "2026-12-01T12:00:00Z" }, now)).toBe("away");
  expect(absenceAt({ from: "2026-12-01T12:00:01Z" }, now)).toBe("coming");
  expect(absenceAt({ from: "2026-12-01T08:00:00Z", until: "2026-12-01T12:00:01Z" }, now)).toBe("away");
  expect(absenceAt({ from: "2026-12-01T08:00:00Z", until: "2026-12-01T12:00:00Z" }, now)).toBe("none");
});
