import { expect, it } from "vitest";
import { hoursOf, hoursText } from "./hours";

it("reads working hours as they are written, and back", () => {
  expect(hoursOf("9:00-12:00, 13:00 – 17:00")).toEqual([["09:00", "12:00"], ["13:00", "17:00"]]);
  expect(hoursOf(" ")).toEqual([]);
  expect(hoursOf("nine to five")).toBeUndefined();
  expect(hoursText([["09:00", "12:00"], ["13:00", "17:00"]])).toBe("09:00-12:00, 13:00-17:00");
});
