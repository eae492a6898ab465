import { useQuery } from "@tanstack/react-query";
import { api, type Schema, take } from "./client";

export type Person = { id: number; name: string; isAway?: boolean };

const nobody: Person[] = [];
const peopleIn = ({ data }: { data: Schema<"User">[] }): Person[] => data.map(({ id, name, email, away }) => ({ id, name: name ?? email, isAway: isAwayAt(Date.now(), away) }));

function isAwayAt(now: number, away: Schema<"User">["away"]): boolean {
  return Boolean(away?.from) && Date.parse(away?.from ?? "") <= now && !(away?.until && Date.parse(away.until) <= now);
}

/** Who works here, to choose from and to name. */
export function usePeople(): Person[] {
  const query = useQuery({ queryKey: ["users", "names"], staleTime: 300_000, queryFn: () => take(api.GET("/api/users", { params: { query: { limit: 200 } } })), select: peopleIn });
  return query.data ?? nobody;
}
