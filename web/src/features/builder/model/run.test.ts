import { describe, expect, test } from "vitest";
import type { Definition } from "./definition";
import { type Row, runOf, type RunStatus } from "./run";

const definition: Definition = {
  name: "All of it",
  trigger_event: "x",
  actions: [
    {
      id: "s1",
      type: "branch",
      config: {
        branches: [
          { name: "Angry", conditions: [], actions: [{ id: "s2", type: "for_each", config: { items: [], actions: [{ id: "s3", type: "add_tag", config: {} }] } }] },
          { name: "Calm", conditions: [], actions: [{ id: "s4", type: "delay", config: {} }] },
        ],
        else: [],
      },
    },
    { id: "s5", type: "webhook", config: {}, onError: [{ id: "s6", type: "stop", config: {} }] },
  ],
};

const row = (step_path: string, more: Partial<Row> = {}): Row => ({ step_path, step_id: step_path.split(".").at(-1) ?? step_path, step_type: "action", attempt: 1, status: "completed", output_data: null, ...more });
const met = row("conditions", { step_type: "condition", output_data: { result: true } });

function told(rows: Row[], status: RunStatus) {
  const { states, details, taken } = runOf(definition, rows, status);
  return { states, details, taken: [...taken].filter((id) => !id.startsWith("gap:")).toSorted() };
}

describe("a run on the canvas", () => {
  test("shows the branch that was taken, the rounds of a loop, and what is tried again", () => {
    const rows = [
      met,
      row("s1", { step_type: "branch", output_data: { taken: ["Angry"] } }),
      row("s1.branches[0].s2", { step_type: "loop", output_data: { count: 2, failed: 1, results: [] } }),
      row("s1.branches[0].s2[0].s3"),
      row("s1.branches[0].s2[1].s3", { status: "failed" }),
      row("s5", { status: "failed", resume_at: "2026-01-01T00:00:00Z" }),
      row("s5", { status: "failed", attempt: 2, resume_at: "2026-01-01T00:00:00Z" }),
    ];
    expect(told(rows, "waiting")).toEqual({
      states: { conditions: "met", s1: "completed", s2: "completed", s3: "failed", s5: "retrying" },
      details: { s2: "2 items, 1 failed", s3: "2×", s5: "2 attempts" },
      taken: ["conditions", "label:actions[0].config.branches[0].actions", "label:actions[0].config.branches[0].actions[0].config.actions", "step:s1", "step:s2", "step:s3", "step:s5", "trigger"],
    });
    expect(told(rows, "failed").states.s5).toBe("failed");
  });

  test("of what was run anew from its beginning shows the last try", () => {
    const branch = { step_type: "branch", output_data: { taken: ["Angry"] } };
    const rows = [
      met,
      row("s1", { ...branch, status: "failed" }),
      row("s1.branches[0].s2", { step_type: "loop", status: "failed", output_data: { count: 2 } }),
      row("s1.branches[0].s2[0].s3", { status: "failed" }),
      row("s1", { ...branch, attempt: 2 }),
      row("s1~2.branches[0].s2", { step_type: "loop", output_data: { count: 2, failed: 0 } }),
      row("s1~2.branches[0].s2[0].s3"),
    ];
    expect(told(rows, "running")).toMatchObject({ states: { s1: "completed", s2: "completed", s3: "completed" }, details: { s1: "2 attempts", s2: "2 items" } });
  });

  test("ends at the conditions when they do not hold, and reaches the end when all is done", () => {
    expect(told([row("conditions", { step_type: "condition", output_data: { result: false } })], "completed")).toEqual({ states: { conditions: "unmet" }, details: {}, taken: ["conditions", "trigger"] });
    const rows = [met, row("s1", { step_type: "branch", output_data: { taken: ["else"] } }), row("s5")];
    expect(told(rows, "completed").taken).toEqual(["conditions", "end", "label:actions[0].config.else", "step:s1", "step:s5", "trigger"]);
  });

  test("says where it was stopped, and that a failure was handled", () => {
    const refused = [row("conditions", { step_type: "condition", status: "skipped" })];
    expect(told(refused, "completed")).toEqual({ states: { conditions: "stopped" }, details: {}, taken: ["conditions", "trigger"] });
    const rows = [met, row("s1", { output_data: { taken: ["else"], stoppedAt: "s1.else.s9" } })];
    expect(told(rows, "completed")).toMatchObject({ states: { s1: "stopped" }, taken: ["conditions", "label:actions[0].config.else", "step:s1", "trigger"] });
    const handled = [met, row("s1", { output_data: { taken: ["else"] } }), row("s5", { status: "failed", output_data: { handled: true } }), row("s5.onError.s6")];
    expect(told(handled, "completed").states).toEqual({ conditions: "met", s1: "completed", s5: "handled", s6: "stopped" });
  });

  test("of a step that waits says so, until the run is over", () => {
    const rows = [met, row("s1", { step_type: "branch", status: "running", output_data: { taken: ["Calm"] } }), row("s1.branches[1].s4", { step_type: "delay", status: "running", resume_at: "2026-01-01T00:00:00Z" })];
    expect(told(rows, "waiting").states).toMatchObject({ s1: "running", s4: "waiting" });
    expect(told(rows, "cancelled").states).toMatchObject({ s1: "cancelled", s4: "cancelled" });
  });
});
