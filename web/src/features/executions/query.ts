import type { Schema } from "../../api/client";
import type { Filters } from "../../ui/filters";

const whole = (text: string | undefined): number | undefined => (text && /^\d+$/.test(text) ? Number(text) : undefined);

/** The filters of the address as the API takes them. What is no number there filters nothing. */
export function queryOf(filters: Filters, cursor?: string) {
  const query = {
    workflowId: whole(filters["workflowId"]),
    contactId: whole(filters["contactId"]),
    submissionId: whole(filters["submissionId"]),
    retryOf: whole(filters["retryOf"]),
    status: filters["status"] as Schema<"ExecutionStatusName"> | undefined,
    outcome: filters["outcome"] as Schema<"OutcomeName"> | undefined,
    hasFailures: filters["hasFailures"] === "true" ? true : undefined,
    eventId: filters["eventId"],
    q: filters["q"],
    startDate: filters["startDate"],
    endDate: filters["endDate"],
    cursor,
  };
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined && value !== "")) as Partial<typeof query>;
}
