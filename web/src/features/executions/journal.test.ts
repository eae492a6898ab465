import { describe, expect, it } from "vitest";
import { awaitedAt, isHandled, joinOf, type Log, storyOf, stepsOf, verdictOf, within } from "./journal";

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

  it("says where a step stands, and in which try of what is around it", () => {
    expect(["s1", "s3.branches[0].s1", "s4~2[2].s1"].map((path) => within(path).place)).toEqual(["", "Branch 1", "Round 3 · Try 2"]);
  });

  it("knows what may come earlier than the time that is named", () => {
    const at = "2026-01-01T12:00:00Z";
    const open = (step_type: Log["step_type"], input_data: unknown): Log => ({ ...log("s1", 1, at, at), step_type, status: "running", input_data, resume_at: at }) as Log;
    expect([open("approval", {}), open("wait", { event: "paid" }), open("wait", { for: "1d" }), open("delay", {})].map((row) => awaitedAt([row], at))).toEqual(["decision", "event", "time", "time"]);
    expect(awaitedAt([open("approval", {})], "2026-01-02T00:00:00Z")).toBe("time");
  });

  it("tells a filter's verdict, and a failure that was handled", () => {
    const told = [{ result: false, field: "a" }];
    expect(storyOf({ input_data: { conditions: told }, output_data: { passed: false } })).toEqual({ result: false, conditions: told });
    expect(storyOf({ input_data: {}, output_data: { rechecked: true, passed: true, conditions: told } })).toEqual({ result: true, conditions: told });
    expect([isHandled({ status: "failed", output_data: { handled: true } }), isHandled({ status: "failed", output_data: null })]).toEqual([true, false]);
  });

  it("knows how conditions are joined, and draws only what has the shape", () => {
    expect([joinOf([{ logic: "OR" }, {}]), joinOf([]), joinOf(null)]).toEqual(["OR", undefined, undefined]);
    expect([verdictOf({ result: true })?.result, verdictOf({ result: "x" }), verdictOf(null)]).toEqual([true, undefined, undefined]);
  });
});
