import { expect, it } from "vitest";
import { together } from "./MoveRuns";

it("adds up what several calls said, the commonest reason first", () => {
  const reason = (text: string, count: number, ...executionIds: number[]) => ({ reason: text, count, executionIds });
  expect(together([{ movable: 3, notMovable: 3, reasons: [reason("gone", 2, 1, 2), reason("inside a loop", 1, 3)] }, { movable: 1, notMovable: 4, reasons: [reason("inside a loop", 4, 4, 5, 6, 7)] }])).toEqual({
    movable: 4, notMovable: 7, reasons: [reason("inside a loop", 5, 3, 4, 5, 6, 7), reason("gone", 2, 1, 2)],
  });
});
