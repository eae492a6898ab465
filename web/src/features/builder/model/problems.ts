// The server's problems, at the nodes and fields that they are about.
import type { Definition } from "./definition";
import { parsePath, type Path, startsWith } from "./json";
import { places } from "./lists";

export type Problem = { path: string; message: string };
/** A problem with its place inside the node. */
export type Placed = Problem & { node: "trigger" | "conditions" | { stepId: string | undefined; path: Path }; inside: Path };

export function place(definition: Definition, problems: readonly Problem[]): Placed[] {
  const all = places(definition);
  return problems.map((problem): Placed => {
    const path = parsePath(problem.path);
    // The innermost step whose path begins it.
    const found = all.filter((candidate) => startsWith(path, candidate.path)).at(-1);
    if (found) return { ...problem, node: { stepId: found.step.id, path: found.path }, inside: path.slice(found.path.length) };
    if (path[0] === "conditions") return { ...problem, node: "conditions", inside: path.slice(1) };
    return { ...problem, node: "trigger", inside: path };
  });
}

export function ofStep(placed: readonly Placed[], stepId: string): Placed[] {
  return placed.filter(({ node }) => typeof node === "object" && node.stepId === stepId);
}
