import type { Schema } from "../../api/client";

/** A blank of a template, as the server describes it. */
export type Blank = { key: string; label: string; type: string; required: boolean; initial: unknown };

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

export function blanksOf(template: Schema<"Template">): Blank[] {
  return template.variables.flatMap((variable): Blank[] => {
    const key = textOf(variable["key"]);
    if (!key) return [];
    return [{ key, label: textOf(variable["label"]) ?? key, type: textOf(variable["type"]) ?? "text", required: variable["required"] === true, initial: variable["default"] ?? null }];
  });
}

/** The steps in the order in which they run: the kind, and the name when it has one. */
export function stepsOf(template: Schema<"Template">): { type: string; name: string | undefined }[] {
  const actions: unknown = template.workflow_definition["actions"];
  if (!Array.isArray(actions)) return [];
  return actions.flatMap((action: unknown) => {
    if (typeof action !== "object" || action === null) return [];
    const { type, name } = action as { type?: unknown; name?: unknown };
    return typeof type === "string" ? [{ type, name: textOf(name) }] : [];
  });
}

/** How many conditions there are, without the first entry that only joins them. */
export function conditionCount(template: Schema<"Template">): number {
  const conditions: unknown = template.workflow_definition["conditions"];
  if (!Array.isArray(conditions)) return 0;
  return conditions.filter((one: unknown) => typeof one === "object" && one !== null && ("field" in one || "conditions" in one)).length;
}
