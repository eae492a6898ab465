import { expect, it } from "vitest";
import { entryOf, type Suppression } from "./suppression";

const entry = (address: string): Suppression => ({ id: 1, tenant_id: 1, address, reason: "manual", source: "api", created_at: "", updated_at: "", version: 1 });

it("takes only the address itself for the address: a search finds more", () => {
  const found = [entry("joann@example.com"), entry("ann@example.com")];
  expect(entryOf(" Ann@Example.com ", found)).toBe(found[1]);
  expect(entryOf("ann@example.co", found)).toBeUndefined();
});
