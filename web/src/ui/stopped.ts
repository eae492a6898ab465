/** Why a run ended before its last step: one of its steps said so, then `path` is its place, or it was not let begin. */
export type Stopped = { reason: string; path?: string };

/** Read from `result.stopped`, which says it in one line: `at step s2 (Only big ones): the conditions do not hold`. */
export function stoppedIn(result: unknown): Stopped | undefined {
  const said: unknown = typeof result === "object" && result !== null ? Reflect.get(result, "stopped") : undefined;
  if (typeof said !== "string") return undefined;
  const [, path, name, why] = /^at step (\S+) \((.*)\): (.*)$/s.exec(said) ?? [];
  if (path !== undefined && name !== undefined && why !== undefined) return { path, reason: `${named(name)}: ${why}` };
  return { reason: said.replace(/^stopped: /, "") };
}

/** A step without a name of its own is called by its type: `create_ticket` is "Create ticket" to a person. */
export function named(name: string): string {
  if (!/^[a-z]+(_[a-z]+)*$/.test(name)) return name;
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
}
