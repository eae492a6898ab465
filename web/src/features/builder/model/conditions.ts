// Conditions: a list whose first element may say how the others are joined, of comparisons and groups. The editor sees every level as one group.
import { isObject, type Json, type JsonObject, type Path } from "./json";

export type Logic = "AND" | "OR" | "NOT";
export type Comparison = JsonObject & { field: string; operator: string; value?: Json };
export type Group = JsonObject & { logic: Logic; conditions: Json[] };

/** The server refuses deeper nesting. */
export const DEEPEST = 10;

export function isGroup(value: Json | undefined): value is Group {
  return isObject(value) && Array.isArray(value.conditions);
}

function isHead(value: Json | undefined): value is JsonObject & { logic: Logic } {
  return isObject(value) && typeof value.logic === "string" && value.conditions === undefined && value.field === undefined;
}

/** An element with its place in the list. */
export type Element = { value: Json; path: Path };

/** How a top-level list is joined, and what it joins. */
export function readList(list: readonly Json[]): { logic: Logic; elements: Element[] } {
  const head = list[0];
  const elements = list.map((value, index) => ({ value, path: [index] as Path }));
  return isHead(head) ? { logic: head.logic, elements: elements.slice(1) } : { logic: "AND", elements };
}

export function readGroup(group: Group): { logic: Logic; elements: Element[] } {
  return { logic: group.logic ?? "AND", elements: group.conditions.map((value, index) => ({ value, path: ["conditions", index] })) };
}

/** A list that is joined so; the head is written only when there is something to join. */
export function listOf(logic: Logic, elements: readonly Json[]): Json[] {
  return elements.length === 0 ? [] : [{ logic }, ...elements];
}

export function newComparison(field = ""): Comparison {
  return { field, operator: "equals", value: "" };
}

export function newGroup(logic: Logic = "OR"): Group {
  return { logic, conditions: [newComparison()] };
}

/** How many comparisons there are, at any depth. */
export function countOf(list: readonly Json[]): number {
  return list.reduce<number>((count, item) => count + (isGroup(item) ? countOf(item.conditions) : isHead(item) ? 0 : 1), 0);
}

export type OperatorInfo = { name: string; aliases: string[]; title: string; description: string; takesValue: boolean; valueIsList: boolean; types: string[] };

export function operatorOf(operators: readonly OperatorInfo[], name: string): OperatorInfo | undefined {
  return operators.find((operator) => operator.name === name || operator.aliases.includes(name));
}

/** Those that make sense for a value of this type; all when the type is not known. What is in use is never left out. */
export function operatorsFor(operators: readonly OperatorInfo[], type: string | undefined, inUse: string): OperatorInfo[] {
  const known = type !== undefined && operators.some(({ types }) => types.includes(type));
  return operators.filter((operator) => !known || operator.types.includes(type) || operator.name === inUse || operator.aliases.includes(inUse));
}

function valueText(value: Json | undefined): string {
  if (value === undefined || value === null || value === "") return "…";
  if (Array.isArray(value)) return value.map(valueText).join(", ");
  if (typeof value === "object") return JSON.stringify(value);
  return typeof value === "string" && value !== value.trim() ? `“${value}”` : String(value);
}

/** One line in plain words: "NPS score is at most 6 and company is not empty". */
export function sentence(list: readonly Json[], operators: readonly OperatorInfo[], nameOf: (field: string) => string): string {
  const { logic, elements } = readList(list);
  return joined(logic, elements, operators, nameOf);
}

function joined(logic: Logic, elements: readonly Element[], operators: readonly OperatorInfo[], nameOf: (field: string) => string): string {
  const parts = elements.map(({ value }) => {
    if (isGroup(value)) {
      const inner = readGroup(value);
      const text = joined(inner.logic, inner.elements, operators, nameOf);
      return inner.logic === "NOT" ? text : inner.elements.length > 1 && elements.length > 1 ? `(${text})` : text;
    }
    if (!isObject(value) || typeof value.field !== "string" || value.field === "") return "…";
    const operator = operatorOf(operators, String(value.operator ?? ""));
    const title = operator?.title ?? String(value.operator ?? "…");
    return operator && !operator.takesValue ? `${nameOf(value.field)} ${title}` : `${nameOf(value.field)} ${title} ${valueText(value.value)}`;
  });
  if (logic === "NOT") return `not (${parts.join(" and ")})`;
  return parts.join(logic === "OR" ? " or " : " and ");
}
