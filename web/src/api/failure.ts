import type { components } from "./schema";

type Fault = components["schemas"]["Fault"];

/** What the server refused, in its own words; status 0 when it was not reached at all. */
export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Fault["details"] = [],
  ) {
    super(message);
    this.name = "ApiFailure";
  }
}

/** A sentence for a person. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the server said about each field, by its path: shown at the field instead of above the form. */
export function fieldProblems(error: unknown): Record<string, string> {
  if (!(error instanceof ApiFailure)) return {};
  return Object.fromEntries(error.details.map((detail) => [detail.path, detail.message]));
}
