import { expect, it } from "vitest";
import { actorName } from "./actors";

it("names whoever acted, also who is gone or was never here", () => {
  const people = [{ id: 7, name: "Ada" }];
  expect(["user:7", "user:8", "api_key:3", "execution:9", "ada@example.com"].map((by) => actorName(by, people))).toEqual(["Ada", "User 8", "API key 3", "Execution 9", "ada@example.com"]);
});
