import { useQuery } from "@tanstack/react-query";
import createClient from "openapi-fetch";
import { type Schema, take } from "./client";

/** What a person is asked to decide, as the server describes it. */
export type Approval = {
  id: number;
  workflow_id: number;
  execution_id: number;
  title: string;
  message?: string | null | undefined;
  status: "open" | "approved" | "rejected" | "timed_out" | "cancelled";
  approvers: Record<string, unknown>[];
  required: number;
  form: Schema<"Question">[];
  /** The caller may decide it now. */
  may_decide: boolean;
  timeout_at: string;
  ended_at?: string | null | undefined;
  created_at: string;
  decisions: { by: string; decision: "approved" | "rejected"; comment?: string | null | undefined; form?: Record<string, unknown> | undefined; at: string }[];
};
export type Decision = { decision: "approved" | "rejected"; comment?: string; form?: Record<string, unknown> };

type Answer<Body> = { 200: { content: { "application/json": Body } } };
type Paths = {
  "/api/approvals": { get: { parameters: { query?: { status?: string; mine?: boolean; executionId?: number; limit?: number; cursor?: string } }; responses: Answer<{ success: boolean; data: Approval[]; nextCursor?: string | null; pagination: Schema<"Pagination"> }> } };
  "/api/approvals/{id}": { get: { parameters: { path: { id: number } }; responses: Answer<{ success: boolean; data: Approval }> } };
  "/api/approvals/{id}/decide": { post: { parameters: { path: { id: number } }; requestBody: { content: { "application/json": Decision } }; responses: Answer<{ success: boolean; data: Approval }> } };
};

export const approvals = createClient<Paths>({ baseUrl: "" });

/** How many approvals wait for this person; none while it is not known. */
export function useOpenApprovals(): number {
  const query = useQuery({ queryKey: ["approvals", "mine"], queryFn: () => take(approvals.GET("/api/approvals", { params: { query: { mine: true, limit: 1 } } })) });
  return query.data?.pagination.total ?? 0;
}
