import { describe, expect, test } from "vitest";
import { newStep } from "./catalogue";
import { cronOf, rhythmFrom, rhythmOf, scheduleText, triggerFields, withPace } from "./starts";

describe("schedules", () => {
  test("common rhythms are read from cron expressions and written as them", () => {
    const crons = ["15 * * * *", "0 9 * * *", "30 8 * * 1-5", "0 9 * * 1", "5 7 15 * *"];
    expect(crons.map((cron) => rhythmOf(cron).kind)).toEqual(["hourly", "daily", "weekdays", "weekly", "monthly"]);
    for (const cron of crons) {
      const rhythm = rhythmOf(cron);
      expect(rhythm.kind === "custom" ? cron : cronOf(rhythm)).toBe(cron);
    }
    expect(["*/5 * * * *", "0 9 1 1 *", "0 9 * * mon#2", "", "0 9 L * *"].map((cron) => rhythmOf(cron).kind)).toEqual(Array(5).fill("custom"));
    expect(rhythmFrom("monthly", rhythmOf("30 8 * * 1-5"))).toEqual({ kind: "monthly", time: "08:30", day: 1 });
  });

  test("read as a sentence, whichever pace they have", () => {
    expect(scheduleText({ cron: "0 9 * * 1", timeZone: "Europe/Paris" })).toBe("Every Monday at 09:00 (Europe/Paris)");
    expect(scheduleText({ every: "15m" })).toBe("Every 15m");
    expect(scheduleText({ relativeTo: "contact.attributes.renewal_date", offset: "-3d", at: "09:00" })).toBe("3d before contact.attributes.renewal_date, at 09:00");
    expect(withPace({ relativeTo: "a", offset: "1d", at: "09:00", misfire: "skip" }, "every")).toEqual({ every: "1h", misfire: "skip" });
  });

  test("of another pace keep only what the server takes from it", () => {
    expect(withPace({ every: "1h", misfire: "skip", startAt: "2026-01-01T00:00:00Z" }, "relativeTo")).toEqual({ relativeTo: "submission.submittedAt", offset: "7d", startAt: "2026-01-01T00:00:00Z" });
    expect(withPace({ relativeTo: "contact.created_at", offset: "1d", at: "09:00", timeZone: "Europe/Paris" }, "cron")).toEqual({ cron: "0 9 * * 1-5", timeZone: "Europe/Paris" });
  });

  test("say which of their fields can be seen: what is wrong with others is said by itself", () => {
    const has = (event: string, config: Record<string, never | string | object>) => triggerFields(event, config as never).map((path) => path.join("."));
    expect(has("schedule", { relativeTo: "x" })).not.toContain("misfire");
    expect(has("webhook", { auth: { type: "basic" } })).toEqual(["auth.type", "auth.username", "auth.password", "respond", "dedupeHeader"]);
    expect([has("manual", {}), has("order.shipped", {}), has("ticket_updated", {})]).toEqual([[], [], ["fields"]]);
  });
});

test("a new control step begins with the lists that its schema says, an action with none", () => {
  const steps = { type: "array", format: "steps", items: { type: "object" } };
  const info = { title: "", description: "", group: "", icon: "" };
  const lane = { type: "object", required: ["name", "actions"], properties: { name: { type: "string" }, actions: steps } };
  expect(newStep({ ...info, name: "parallel", schema: { properties: { branches: { type: "array", minItems: 1, items: lane }, join: { type: "string" } }, required: ["branches"] }, sample: { branches: [{}, {}] } }, "s1").config).toEqual({
    branches: [{ name: "Branch 1", actions: [] }, { name: "Branch 2", actions: [] }],
  });
  expect(newStep({ ...info, name: "approval", schema: { properties: { title: { type: "string" }, onApproved: steps }, required: ["title"] } }, "s1").config).toEqual({ onApproved: [] });
  expect(newStep({ ...info, name: "webhook", schema: { properties: { url: { type: "string" }, tags: { type: "array", items: { type: "string" } } }, required: ["url"] } }, "s1").config).toEqual({});
});
