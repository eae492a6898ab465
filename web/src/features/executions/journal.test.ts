import { describe, expect, it } from "vitest";
import { joinOf, type Log, stepsOf, verdictOf } from "./journal";

const log = (step_path: string, attempt: number, begun: string, ended: string): Log => ({
  id: attempt, step_number: attempt, step_type: "action", step_name: step_path, step_id: step_path, step_path, attempt, status: "failed", input_data: null, output_data: null,
  error: null, warnings: [], resume_at: null, carried_from: null, started_at: begun, completed_at: ended, duration_ms: 1, created_at: begun,
});

describe("the journal", () => {
  it("is read by steps: rows of one step are its attempts, and a wait lies between steps", () => {
    const steps = stepsOf([
      log("s1", 1, "2026-01-01T10:00:00Z", "2026-01-01T10:00:01Z"),
      log("s2", 1, "2026-01-01T11:00:01Z", "2026-01-01T11:00:02Z"),
      log("s2", 2, "2026-01-01T11:05:02Z", "2026-01-01T11:05:03Z"),
    ]);
    expect(steps.map((step) => [step.path, step.attempts.length, step.pause])).toEqual([["s1", 1, 0], ["s2", 2, 3_600_000]]);
  });

  it("knows how conditions are joined, and draws only what has the shape", () => {
    expect([joinOf([{ logic: "OR" }, {}]), joinOf([]), joinOf(null)]).toEqual(["OR", undefined, undefined]);
    expect([verdictOf({ result: true })?.result, verdictOf({ result: "x" }), verdictOf(null)]).toEqual([true, undefined, undefined]);
  });
});
