import type { Schema } from "../../api/client";
import { texts } from "./texts";

export type Filter = Schema<"JobFilter">;
export type Source = Schema<"JobSourceName">;

/** Which filters make sense for which records. */
export const filtersOf: Record<Source, readonly (keyof Filter)[]> = {
  submissions: ["formId", "contactId", "from", "until", "tag"],
  contacts: ["contactId", "segment", "from", "until", "tag"],
};

/** A filter with only what is set, and only what the source has. Days are meant as the browser's clock has them. */
export function tidied(filter: Filter, source: Source): Filter {
  const kept = Object.entries(filter).filter(([name, value]) => value !== null && value !== undefined && value !== "" && filtersOf[source].includes(name as keyof Filter));
  return Object.fromEntries(kept.map(([name, value]) => [name, (name === "from" || name === "until") && typeof value === "string" ? new Date(`${value}T00:00:00`).toISOString() : value]));
}

/** The filter of a job in words. */
export function filterText(filter: Filter): string {
  const { said } = texts.filter;
  const day = (at: string) => new Date(at).toLocaleDateString(undefined, { dateStyle: "medium" });
  const parts = [
    filter.formId && said.formId(filter.formId), filter.contactId && said.contactId(filter.contactId), filter.tag && said.tag(filter.tag), filter.segment && said.segment(filter.segment),
    filter.from && said.from(day(filter.from)), filter.until && said.until(day(filter.until)),
  ].filter(Boolean);
  return parts.length === 0 ? texts.filter.all : parts.join(", ");
}
