import { useQuery } from "@tanstack/react-query";
import { api, take } from "../../api/client";

/** Who works here, to choose from and to name. */
export function usePeople(): { id: number; name: string }[] {
  const query = useQuery({ queryKey: ["users", "names"], staleTime: 300_000, queryFn: () => take(api.GET("/api/users", { params: { query: { limit: 200 } } })) });
  return query.data?.data.map(({ id, name, email }) => ({ id, name: name ?? email })) ?? [];
}
