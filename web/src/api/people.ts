import { useQuery } from "@tanstack/react-query";
import { api, take } from "./client";

export type Person = { id: number; name: string };

const nobody: Person[] = [];
const peopleIn = ({ data }: { data: { id: number; name?: string | null; email: string }[] }): Person[] => data.map(({ id, name, email }) => ({ id, name: name ?? email }));

/** Who works here, to choose from and to name. */
export function usePeople(): Person[] {
  const query = useQuery({ queryKey: ["users", "names"], staleTime: 300_000, queryFn: () => take(api.GET("/api/users", { params: { query: { limit: 200 } } })), select: peopleIn });
  return query.data ?? nobody;
}
