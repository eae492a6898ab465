import { expect, it } from "vitest";
import { filterText, tidied } from "./filter";

it("sends what is set, and what such records have", () => {
  const typed = { formId: 3, contactId: null, tag: "", segment: "vip", from: "2026-03-01" };
  expect(tidied(typed, "submissions")).toEqual({ formId: 3, from: new Date("2026-03-01T00:00:00").toISOString() });
  expect(tidied(typed, "contacts")).toEqual({ segment: "vip", from: new Date("2026-03-01T00:00:00").toISOString() });
});

it("is read as words", () => {
  expect(filterText({})).toBe("All of them");
  expect(filterText({ formId: 3, tag: "vip" })).toBe("form #3, tag vip");
});
