import { describe, expect, it } from "vitest";
import { freshKey, moved, type Question, tidied } from "./questions";

const question = (key: string): Question => ({ key, type: "text", label: key });

describe("questions", () => {
  it("move by one place, and stay at the ends", () => {
    const list = ["a", "b", "c"];
    expect(moved(list, 0, 1)).toEqual(["b", "a", "c"]);
    expect(moved(list, 2, -1)).toEqual(["a", "c", "b"]);
    expect(moved(list, 0, -1)).toEqual(list);
    expect(moved(list, 2, 1)).toEqual(list);
  });

  it("get a key that is not taken", () => {
    expect(freshKey([])).toBe("q_1");
    expect(freshKey([question("q_2"), question("q_1")])).toBe("q_3");
    expect(freshKey([question("q_2")])).toBe("q_3");
  });

  it("keep only what their type has", () => {
    expect(tidied({ ...question("q"), type: "text", options: ["a"], min: 1, max: 5 })).toEqual(question("q"));
    expect(tidied({ ...question("q"), type: "single_choice", options: ["a"], min: 1 })).toEqual({ ...question("q"), type: "single_choice", options: ["a"] });
  });
});
