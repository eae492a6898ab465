import { expect, it } from "vitest";
import { touchedBy } from "./touched";

it("reads the execution that changed at once, and of what adds up nothing that is dear", () => {
  const { soon, later } = touchedBy("execution", { id: 7, workflowId: 2, status: "running" });
  expect(soon).toEqual([["executions", "one", 7]]);
  const touched = [...soon, ...later].map((key) => JSON.stringify(key));
  expect(touched).toContain('["workflows","one",2]');
  // Trends, names and what somebody types into belong to no root that is read anew: each is a query of its own for every row.
  for (const key of [["trend", 2], ["workflows", "names"], ["usual", 2], ["builder", "workflow", 2]]) {
    expect(touched.some((one) => JSON.stringify(key).startsWith(one.slice(0, -1)))).toBe(false);
  }
});
