import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

/** Query parameters as they stand in the address: text. */
export type Filters = { [name: string]: string | undefined };

/** The filters of the screen, which live in the address: a link to a list is the list as it was seen. */
export function useFilters() {
  const search: Filters = useSearch({ strict: false });
  const navigate = useNavigate();
  const set = useCallback(
    (changes: Filters) =>
      void navigate({
        to: ".",
        search: (before: Filters) => tidy({ ...before, ...changes }),
        replace: true,
      }),
    [navigate],
  );
  return { filters: search, set };
}

/** Without those that are empty, so that the address stays short. */
export function tidy(filters: Filters): Filters {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined && value !== ""));
}
