import { expect, it } from "vitest";
import { awayChange, awayValues, withoutAway } from "./away";

const now = Date.parse("2026-12-01T12:00:00Z");

it("knows who is away, and sends an absence as a whole or takes it back", () => {
  const away = { from: "2026-12-01T08:00:00Z", until: "2026-12-04T08:00:00Z" };
  const stored = awayValues(away, now);
  expect(stored).toEqual({ away: true, "away.from": away.from, "away.until": away.until });
  expect(awayValues({ ...away, until: "2026-12-01T11:00:00Z" }, now)).toEqual({ away: false, "away.from": null, "away.until": null });
  expect(awayChange({ name: "Maya" }, { ...stored, name: "Maya" })).toEqual({});
  expect(awayChange({ "away.until": null }, { ...stored, "away.until": null })).toEqual({ away: { from: away.from, until: null } });
  expect(awayChange({ away: false }, { ...stored, away: false })).toEqual({ away: null });
  expect(withoutAway({ name: "Maya", away: true, "away.from": null })).toEqual({ name: "Maya" });
});
