import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

/** At most this often lists are read anew, however much happens. */
const PACE = 700;

/**
 * Reads anew what has changed, as the server tells it. The stream says only ids and statuses, so that what is shown is always
 * what the API answers, with masking and roles.
 */
export function useLive(isSignedIn: boolean): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!isSignedIn) return;
    const changed = new Set<string>();
    let timer: number | undefined;
    const later = (name: string) => {
      changed.add(name);
      timer ??= window.setTimeout(() => {
        timer = undefined;
        const names = [...changed];
        changed.clear();
        for (const one of names) void client.invalidateQueries({ queryKey: [one] });
      }, PACE);
    };
    const source = new EventSource("/api/live");
    source.addEventListener("execution", () => ["executions", "overview", "workflows", "tickets", "outbox"].forEach(later));
    source.addEventListener("approval", () => ["approvals", "executions"].forEach(later));
    source.addEventListener("notification", () => later("notifications"));
    source.addEventListener("reset", () => void client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "session" }));
    return () => {
      source.close();
      window.clearTimeout(timer);
    };
  }, [client, isSignedIn]);
}
