import { useQuery } from "@tanstack/react-query";
import { api, take } from "./client";

/** How many approvals wait for this person; none while it is not known. */
export function useOpenApprovals(): number {
  const query = useQuery({ queryKey: ["approvals", "mine"], queryFn: () => take(api.GET("/api/approvals", { params: { query: { mine: true, limit: 1 } } })) });
  return query.data?.pagination.total ?? 0;
}
