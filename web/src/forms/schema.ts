// Which input a JSON Schema asks for. One closed list of kinds, decided here and nowhere else.
import { texts } from "./texts";

export type JsonSchema = {
  type?: string | string[];
  format?: string;
  description?: string;
  title?: string;
  enum?: unknown[];
  examples?: unknown[];
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: boolean | JsonSchema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  writeOnly?: boolean;
  minItems?: number;
  oneOf?: JsonSchema[] | undefined;
  anyOf?: JsonSchema[] | undefined;
  const?: unknown;
  /** Groups of fields that exclude each other: exactly one group is filled in. The first field of a group names it. */
  "x-alternatives"?: string[][];
};

export type FieldKind =
  | "text"
  | "multiline"
  | "secret"
  | "number"
  | "switch"
  | "choice"
  | "suggestion"
  | "duration"
  | "textList"
  | "pairs"
  | "conditions"
  | "steps"
  | "group"
  | "rows"
  | "json"
  /** Text, or a number, yes or no when it reads like one. */
  | "any";

/**
 * A schema without `anyOf` and `oneOf`: what may be one thing or another is drawn as one field that takes either. Words to choose from become suggestions when something
 * else is taken as well, and objects of several shapes become one with the fields of all.
 */
export function flattened(schema: JsonSchema): JsonSchema {
  const shapes = (schema.anyOf ?? schema.oneOf ?? []).map(flattened).filter((shape) => shape.type !== "null");
  if (shapes.length === 0) return schema;
  const types = [...new Set([...typesOf(schema), ...shapes.flatMap(typesOf)])];
  const words = shapes.flatMap((shape) => shape.enum ?? (shape.const === undefined ? [] : [shape.const]));
  const onlyWords = shapes.every((shape) => shape.enum !== undefined || shape.const !== undefined);
  const properties = Object.assign({}, ...shapes.map((shape) => shape.properties ?? {}), schema.properties ?? {}) as Record<string, JsonSchema>;
  const one = shapes.length === 1 ? shapes[0] : undefined;
  return {
    ...one,
    ...schema,
    anyOf: undefined,
    oneOf: undefined,
    ...(types.length > 0 ? { type: types } : {}),
    ...(words.length > 0 ? (onlyWords ? { enum: words } : { examples: words }) : {}),
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
  };
}

export function typesOf(schema: JsonSchema): string[] {
  const types = schema.type === undefined ? [] : Array.isArray(schema.type) ? schema.type : [schema.type];
  return types.filter((type) => type !== "null");
}

export function kindOf(schema: JsonSchema): FieldKind {
  if (schema.anyOf || schema.oneOf) return kindOf(flattened(schema));
  const types = typesOf(schema);
  if (schema.format === "steps" || schema.format === "actions") return "steps";
  if (schema.format === "conditions") return "conditions";
  if (schema.enum) return "choice";
  if (schema.format === "duration") return "duration";
  if (schema.writeOnly || schema.format === "password") return "secret";
  if (schema.format === "multiline" || schema.format === "html") return "multiline";
  if (schema.format === "json") return "json";
  if (types.length === 0) return "any";
  if (types.includes("array")) {
    if (types.includes("string")) return schema.format === "email" ? "text" : "textList";
    const items = schema.items && flattened(schema.items);
    if (items?.properties && typesOf(items).includes("object")) return "rows";
    return schema.items && typesOf(schema.items).includes("string") ? "textList" : "json";
  }
  if (types.includes("object")) return schema.properties && Object.keys(schema.properties).length > 0 ? "group" : "pairs";
  if (types.includes("string")) return schema.examples && schema.examples.length > 1 ? "suggestion" : "text";
  if (types.includes("boolean")) return "switch";
  if (types.includes("integer") || types.includes("number")) return "number";
  return "json";
}

/** `contactId` → "Contact id", `last_nps_score` → "Last nps score". */
export function labelOf(name: string, schema: JsonSchema): string {
  if (schema.title) return schema.title;
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replaceAll("_", " ")
    .toLowerCase()
    .replace(/\b(id|ms|url|html|cc|bcc)\b/g, (word) => (word === "ms" ? "(milliseconds)" : word === "id" ? word : word.toUpperCase()));
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A word of the API as a person reads it: `business_hours` is "Business hours"; what is written in capitals stays. */
export function wordOf(option: string): string {
  return /^[a-z]+(_[a-z]+)*$/.test(option) ? option.charAt(0).toUpperCase() + option.slice(1).replaceAll("_", " ") : option;
}

/** The required fields first, in the order of the schema otherwise. */
export function fieldsOf(schema: JsonSchema): { name: string; schema: JsonSchema; required: boolean }[] {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, property]) => ({ name, schema: property, required: required.has(name) }));
  return [...fields.filter((field) => field.required), ...fields.filter((field) => !field.required)];
}

/** A list of steps anywhere in what the schema says. */
export function holdsSteps(schema: JsonSchema): boolean {
  if (kindOf(schema) === "steps") return true;
  if (schema.items) return holdsSteps(schema.items);
  return Object.values(flattened(schema).properties ?? {}).some(holdsSteps);
}

/** The empty value of a field that must be there, so that its place is seen at once; undefined where a person has to say it. */
export function emptyOf(schema: JsonSchema, required: boolean, rows: number): unknown {
  const kind = kindOf(schema);
  if (kind === "steps" || (kind === "conditions" && required)) return [];
  if (kind === "rows" && (required || holdsSteps(schema))) return holdsSteps(schema) ? Array.from({ length: Math.max(rows, schema.minItems ?? 1) }, (_, index) => emptyRow(schema.items ?? {}, index + 1)) : [];
  return undefined;
}

/** A row with what it must have, empty; what names it is counted. */
export function emptyRow(schema: JsonSchema, number: number): Record<string, unknown> {
  const shape = flattened(schema);
  const row: Record<string, unknown> = {};
  for (const { name, schema: property, required } of fieldsOf(shape)) {
    if (name === "name" && required && typesOf(property).includes("string")) row[name] = texts.branch(number);
    else {
      const value = emptyOf(property, required, 1);
      if (value !== undefined) row[name] = value;
    }
  }
  return row;
}
