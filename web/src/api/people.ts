import { useQuery } from "@tanstack/react-query";
import { api, type Schema, take } from "./client";

export type Away = Schema<"Away">;
/** Somebody is there, and has said nothing else or is back; or will be away; or is. */
export type Absence = "none" | "coming" | "away";
export type Person = { id: number; name: string; away?: Away | null | undefined };

const nobody: Person[] = [];
const peopleIn = ({ data }: { data: Schema<"User">[] }): Person[] => data.map(({ id, name, email, away }) => ({ id, name: name ?? email, away }));

/** Where an absence stands at a moment. Whatever shows it asks again as time goes by: nothing comes from the server when it begins or ends. */
export function absenceAt(away: Away | null | undefined, now: number): Absence {
  if (!away?.from || (away.until && Date.parse(away.until) <= now)) return "none";
  return Date.parse(away.from) <= now ? "away" : "coming";
}

/** Who works here, to choose from and to name. */
export function usePeople(): Person[] {
  const query = useQuery({ queryKey: ["users", "names"], staleTime: 300_000, queryFn: () => take(api.GET("/api/users", { params: { query: { limit: 200 } } })), select: peopleIn });
  return query.data ?? nobody;
}
