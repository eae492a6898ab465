import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countOf, sentence } from "./conditions";
import type { Definition, Step } from "./definition";
import { compare } from "./diff";
import { apply, type Edit, invert } from "./edit";
import { toGraph } from "./graph";
import { type History, perform, redo, start, undo } from "./history";
import { parsePath, pathText } from "./json";
import { nestedLists, places } from "./lists";
import { copiesFor, duplicateSteps, freshId, type Gap, insertSteps, moveSteps, nudgeStep, pasteSteps, removeSteps, setOfSteps, setValue } from "./operations";
import { place } from "./problems";

const nested: Definition = {
  name: "All of it",
  trigger_event: "submission_completed",
  conditions: [{ logic: "AND" }, { field: "submission.data.q_nps", operator: "<=", value: 6 }],
  actions: [
    { id: "s1", type: "create_ticket", config: { title: "{{submission.data.q_name}}" } },
    {
      id: "s2",
      type: "branch",
      config: {
        mode: "first",
        branches: [
          { name: "Angry", conditions: [{ field: "a", operator: "is_empty" }], actions: [{ id: "s3", type: "webhook", config: { body: "{{steps.s1.output.ticketId}}" } }] },
          { name: "Calm", conditions: [], actions: [] },
        ],
        else: [{ id: "s4", type: "for_each", config: { items: "{{contact.tags}}", actions: [{ id: "s5", type: "add_tag", config: {} }] } }],
      },
    },
    { id: "s6", type: "send_email", config: { to: "a@example.com" }, onError: [{ id: "s7", type: "delay", config: { duration: "1h" } }] },
    { id: "s8", type: "repeat", config: { until: [], maxIterations: 3 } },
  ],
};

/** Every gap there is, also of lists that are not written yet. */
function gaps(definition: Definition): Gap[] {
  return toGraph(definition).nodes.flatMap((node) => (node.kind === "gap" ? [node.gap] : []));
}

/** One random thing that a person could do. */
function randomEdit(definition: Definition, what: number, pick: number, other: number, text: string): Edit | undefined {
  const all = places(definition);
  const at = <T,>(list: readonly T[], number: number): T | undefined => list[number % Math.max(list.length, 1)];
  const chosen = at(all, pick)?.step.id;
  const gap = at(gaps(definition), other);
  const ids = new Set([chosen, at(all, other)?.step.id].filter((id) => id !== undefined));
  switch (what) {
    case 0:
      return gap && insertSteps(definition, gap, [{ type: "delay", id: freshId(new Set(all.flatMap(({ step }) => step.id ?? []))), config: {} }]);
    case 1:
      return removeSteps(definition, ids);
    case 2:
      return gap && moveSteps(definition, ids, gap);
    case 3:
      return duplicateSteps(definition, ids)?.edit;
    case 4:
      return gap && pasteSteps(definition, gap, [{ type: "set", id: "s1", config: { variables: { text } } }])?.edit;
    case 5:
      return at(all, pick) && setValue(definition, [...(at(all, pick)?.path ?? []), "config", "title"], text === "" ? undefined : text);
    case 6:
      return setOfSteps(definition, ids, "disabled", pick % 2 === 0 ? true : undefined);
    case 7:
      return setValue(definition, ["conditions"], [{ logic: "OR" }, { field: text, operator: "equals", value: pick }]);
    default:
      return chosen === undefined ? undefined : nudgeStep(definition, chosen, other % 2 === 0 ? 1 : -1);
  }
}

const randomEdits = fc.array(fc.tuple(fc.nat(8), fc.nat(1000), fc.nat(1000), fc.string({ maxLength: 5 })), { minLength: 50, maxLength: 50 });

describe("edits", () => {
  test("50 random edits are undone and redone one by one, each to what was before and after it", () => {
    // More than fifty are tried: some, such as moving the first step up, would change nothing.
    const tried = fc.array(fc.tuple(fc.nat(8), fc.nat(1000), fc.nat(1000), fc.string({ maxLength: 5 })), { minLength: 160, maxLength: 160 });
    fc.assert(
      fc.property(tried, (edits) => {
        const states = [nested];
        let history: History = start(nested);
        for (const [what, pick, other, text] of edits) {
          if (states.length > 50) break;
          // A list that is emptied leaves nothing to do: then something is put in.
          const edit = randomEdit(history.definition, places(history.definition).length < 3 ? 0 : what, pick, other, text);
          if (!edit || JSON.stringify(apply(history.definition, edit)) === JSON.stringify(history.definition)) continue;
          history = perform(history, "edit", edit, states.length * 10_000);
          states.push(history.definition);
        }
        expect(history.done).toHaveLength(50);
        for (const before of states.slice(0, -1).reverse()) {
          history = undo(history);
          expect(history.definition).toEqual(before);
        }
        expect(history.done).toHaveLength(0);
        for (const after of states.slice(1)) {
          history = redo(history);
          expect(history.definition).toEqual(after);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("edits in quick succession are fewer steps back, and still lead to the start and to the end", () => {
    fc.assert(
      fc.property(randomEdits, fc.nat(1500), (edits, pace) => {
        let history: History = start(nested);
        edits.forEach(([what, pick, other, text], index) => {
          const edit = randomEdit(history.definition, what, pick, other, text);
          if (edit) history = perform(history, "edit", edit, index * pace);
        });
        const end = history.definition;
        while (history.done.length > 0) history = undo(history);
        expect(history.definition).toEqual(nested);
        while (history.undone.length > 0) history = redo(history);
        expect(history.definition).toEqual(end);
      }),
      { numRuns: 60 },
    );
  });

  test("every edit's inverse gives back what was, and no step is lost, doubled or left without an id", () => {
    fc.assert(
      fc.property(randomEdits, (edits) => {
        let definition = nested;
        for (const [what, pick, other, text] of edits) {
          const edit = randomEdit(definition, what, pick, other, text);
          if (!edit) continue;
          const after = apply(definition, edit);
          expect(apply(after, invert(edit))).toEqual(definition);
          const ids = places(after).map(({ step }) => step.id);
          expect(ids).not.toContain(undefined);
          expect(new Set(ids).size).toBe(ids.length);
          if (what === 2 || what === 8) expect(ids.toSorted()).toEqual(places(definition).map(({ step }) => step.id).toSorted());
          definition = after;
        }
      }),
      { numRuns: 60 },
    );
  });

  test("a step does not move into itself", () => {
    expect(moveSteps(nested, new Set(["s2"]), { list: ["actions", 1, "config", "else"], index: 0 })).toBeUndefined();
  });

  test("what is moved out from before the target lands where it was dropped", () => {
    const edit = moveSteps(nested, new Set(["s1", "s6"]), { list: ["actions", 1, "config", "branches", 1, "actions"], index: 0 });
    const after = edit ? apply(nested, edit) : nested;
    expect(places(after).map(({ step, path }) => `${step.id} ${pathText(path)}`)).toEqual([
      "s2 actions[0]",
      "s3 actions[0].config.branches[0].actions[0]",
      "s1 actions[0].config.branches[1].actions[0]",
      "s6 actions[0].config.branches[1].actions[1]",
      "s7 actions[0].config.branches[1].actions[1].onError[0]",
      "s4 actions[0].config.else[0]",
      "s5 actions[0].config.else[0].config.actions[0]",
      "s8 actions[1]",
    ]);
  });

  test("copies get ids of their own, and speak of each other's copies", () => {
    const steps: Step[] = [
      { id: "s1", type: "create_ticket", config: {} },
      { id: "x", type: "webhook", config: { body: "{{steps.s1.output.ticketId}} {{steps.s6.output}}" } },
    ];
    expect(copiesFor(nested, steps)).toEqual([
      { id: "s9", type: "create_ticket", config: {} },
      { id: "x", type: "webhook", config: { body: "{{steps.s9.output.ticketId}} {{steps.s6.output}}" } },
    ]);
  });

  test("quick typing in one field is one step back, another field is another", () => {
    const typed = ["N", "NP", "NPS"].reduce((history, name, index) => {
      const edit = setValue(history.definition, ["name"], name);
      return edit ? perform(history, "Rename", edit, index * 100) : history;
    }, start(nested));
    expect(typed.done).toHaveLength(1);
    expect(undo(typed).definition.name).toBe("All of it");
    const description = setValue(typed.definition, ["description"], "x");
    expect(description && perform(typed, "Describe", description, 250).done).toHaveLength(2);
  });
});

describe("the graph", () => {
  test("is laid out so that nothing lies over anything else but a frame", () => {
    fc.assert(
      fc.property(randomEdits, (edits) => {
        let definition = nested;
        for (const [what, pick, other, text] of edits) {
          const edit = randomEdit(definition, what, pick, other, text);
          if (edit) definition = apply(definition, edit);
        }
        const { nodes, edges } = toGraph(definition);
        const solid = nodes.filter(({ kind }) => kind !== "frame");
        for (const [index, a] of solid.entries())
          for (const b of solid.slice(index + 1)) {
            const over = a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
            expect(over, `${a.id} over ${b.id}`).toBe(false);
          }
        const ids = new Set(nodes.map(({ id }) => id));
        expect(ids.size).toBe(nodes.length);
        for (const edge of edges) expect(ids.has(edge.from) && ids.has(edge.to)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  test("has a node for each step and a gap for each place", () => {
    const { nodes } = toGraph(nested);
    expect(nodes.filter(({ kind }) => kind === "step").map(({ id }) => id)).toEqual(["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"].map((id) => `step:${id}`));
    expect(nodes.flatMap((node) => (node.kind === "gap" ? [node.id] : [])).toSorted()).toMatchInlineSnapshot(`
      [
        "gap:actions:0",
        "gap:actions:1",
        "gap:actions:2",
        "gap:actions:3",
        "gap:actions:4",
        "gap:actions[1].config.branches[0].actions:0",
        "gap:actions[1].config.branches[0].actions:1",
        "gap:actions[1].config.branches[1].actions:0",
        "gap:actions[1].config.else:0",
        "gap:actions[1].config.else:1",
        "gap:actions[1].config.else[0].config.actions:0",
        "gap:actions[1].config.else[0].config.actions:1",
        "gap:actions[2].onError:0",
        "gap:actions[2].onError:1",
        "gap:actions[3].config.actions:0",
      ]
    `);
  });

  test("shows lists of steps of a type that it does not know", () => {
    const step: Step = { type: "race", config: { runners: [{ type: "delay" }], note: ["a"] } };
    expect(nestedLists(step).map(({ path }) => pathText(path))).toEqual(["config.runners"]);
  });
});

describe("conditions", () => {
  const operators = [
    { name: "less_than_or_equal", aliases: ["<="], title: "is at most", description: "", takesValue: true, valueIsList: false, types: ["nps"] },
    { name: "is_empty", aliases: [], title: "is empty", description: "", takesValue: false, valueIsList: false, types: [] },
  ];
  test("read as a sentence", () => {
    const list = [
      { logic: "OR" },
      { field: "submission.data.q_nps", operator: "<=", value: 6 },
      { logic: "AND", conditions: [{ field: "a", operator: "is_empty" }, { logic: "NOT", conditions: [{ field: "b", operator: "less_than_or_equal", value: 2 }] }] },
    ];
    expect(sentence(list, operators, (field) => field.split(".").at(-1) ?? "")).toBe("q_nps is at most 6 or (a is empty and not (b is at most 2))");
    expect(countOf(list)).toBe(3);
  });
});

describe("places", () => {
  test("problems come to the step and the field that they are about", () => {
    const placed = place(nested, [
      { path: "actions[1].config.else[0].config.actions[0].config.tag", message: "is required" },
      { path: "conditions[1].field", message: "a path is needed" },
      { path: "trigger_config.formId", message: "there is no form 9" },
    ]);
    expect(placed.map(({ node, inside }) => [typeof node === "string" ? node : node.stepId, pathText(inside)])).toEqual([
      ["s5", "config.tag"],
      ["conditions", "[1].field"],
      ["trigger", "trigger_config.formId"],
    ]);
  });

  test("are written and read alike", () => {
    expect(parsePath("actions[0].config.updates.last_nps_score")).toEqual(["actions", 0, "config", "updates", "last_nps_score"]);
    expect(parsePath('a["b.c"][2]')).toEqual(["a", "b.c", 2]);
  });
});

test("two definitions are compared step by step", () => {
  const moved = moveSteps(nested, new Set(["s1"]), { list: ["actions"], index: 4 });
  let after = moved ? apply(nested, moved) : nested;
  for (const make of [
    (now: Definition) => setValue(now, ["name"], "Some of it"),
    (now: Definition) => removeSteps(now, new Set(["s6"])),
    (now: Definition) => setValue(now, [...(places(now).find(({ step }) => step.id === "s5")?.path ?? []), "config", "tag"], "vip"),
  ]) {
    const edit = make(after);
    if (edit) after = apply(after, edit);
  }
  const told = compare(nested, after).map((difference) =>
    difference.kind === "field" ? `${difference.where}: ${String(difference.before)} → ${String(difference.after)}` : `${difference.step.id} ${difference.kind}${difference.kind === "changed" ? `: ${difference.fields.map(({ path }) => path).join()}` : ""}`,
  );
  expect(told).toEqual(["name: All of it → Some of it", "s6 removed", "s7 removed", "s5 changed: config.tag", "s1 moved"]);
});
