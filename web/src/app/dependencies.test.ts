import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");

it("has a reason for each npm package in docs/DEPENDENCIES.md, and for no other", () => {
  const manifest = JSON.parse(readFileSync(join(root, "web/package.json"), "utf8")) as { dependencies: object; devDependencies: object };
  const text = readFileSync(join(root, "docs/DEPENDENCIES.md"), "utf8");
  const section = /## npm packages[\s\S]*?(?=\n## )/.exec(text)?.[0] ?? "";
  // In each line the names stand before their reason; a line may name several, each group followed by a colon.
  const named = [...section.matchAll(/^- .*$/gm)].flatMap(([line]) => [...line.matchAll(/(?:`[@\w/-]+`(?:, )?)+(?=:)/g)].flatMap(([group]) => [...group.matchAll(/`([^`]+)`/g)].map((match) => match[1])));
  expect(named.sort()).toEqual([...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)].sort());
});
