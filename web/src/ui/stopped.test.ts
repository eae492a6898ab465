import { expect, it } from "vitest";
import { stoppedIn } from "./stopped";

it("reads what ended a run early, and where", () => {
  expect(stoppedIn({ stopped: "at step s3.branches[0].s1 (Only (big) ones): the conditions do not hold" })).toEqual({ path: "s3.branches[0].s1", reason: "Only (big) ones: the conditions do not hold" });
  expect(stoppedIn({ stopped: "at step s2 (filter): no more today" })).toEqual({ path: "s2", reason: "Filter: no more today" });
  expect(stoppedIn({ stopped: "stopped: the event comes from a chain of 9 events" })).toEqual({ reason: "the event comes from a chain of 9 events" });
  expect([stoppedIn({ conditionsPassed: true }), stoppedIn(null)]).toEqual([undefined, undefined]);
});
