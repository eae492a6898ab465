/** The object with another value for a key; undefined takes the key away. What is no object begins as an empty one. */
export function withKey<Value>(object: unknown, key: string, value: Value | undefined): Record<string, Value> {
  const entries: [string, Value][] = typeof object === "object" && object !== null && !Array.isArray(object) ? (Object.entries(object) as [string, Value][]) : [];
  if (value === undefined) return Object.fromEntries(entries.filter(([name]) => name !== key));
  return { ...Object.fromEntries(entries), [key]: value };
}
