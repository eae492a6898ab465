import { useQuery } from "@tanstack/react-query";
import { api, takeData } from "../api/client";
import { named } from "./stopped";

/** What a step is called: by its own name, else by the title of its type, as in the builder. `name` is as the API has it, where the type stands for a name that is not there. */
export function useStepName(): (name: string) => string {
  const titles = useQuery({
    queryKey: ["steps", "titles"],
    queryFn: async () => new Map((await Promise.all([takeData(api.GET("/api/actions")), takeData(api.GET("/api/control-steps"))])).flat().map(({ name, title }) => [name, title])),
    staleTime: Infinity,
  });
  return (name) => titles.data?.get(name) ?? named(name);
}
