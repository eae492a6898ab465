import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { api, type Schema, take, takeData } from "./client";
import { ApiFailure } from "./failure";

export type Session = Schema<"Session">;
export type Role = Schema<"Role">;

const key = ["session"];
const ranks: Record<Role, number> = { viewer: 0, editor: 1, admin: 2 };

/** Who is signed in; null when nobody is. */
export function useSessionQuery() {
  return useQuery({
    queryKey: key,
    queryFn: async (): Promise<Session | null> => {
      try {
        return await takeData(api.GET("/api/session"));
      } catch (error) {
        if (error instanceof ApiFailure && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Infinity,
  });
}

/** Everything behind the sign-in knows who is there. */
export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("used outside of the signed-in part");
  return session;
}

/** Whether the person's role is at least this one: what may not be done is not offered. */
export function useMay(role: Role): boolean {
  return ranks[useSession().role] >= ranks[role];
}

/** The zone in which times are shown: the person's, else the browser's. */
export function useTimeZone(): string | undefined {
  return useContext(SessionContext)?.user?.time_zone ?? undefined;
}

export function useSessionActions() {
  const client = useQueryClient();
  return {
    signIn: async (email: string, password: string) => {
      const session = await takeData(api.POST("/api/session", { body: { email, password } }));
      client.setQueryData(key, session);
      await client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "session" });
    },
    signOut: async () => {
      await take(api.DELETE("/api/session"));
      client.setQueryData(key, null);
      // The next person at this browser must not see a moment of what this one has read.
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== "session" });
    },
    change: async (body: Schema<"SessionChanges">) => {
      const session = await takeData(api.PATCH("/api/session", { body }));
      client.setQueryData(key, session);
      // In another company everything is another; in this one, who works here: the person is one of them.
      await client.invalidateQueries({ predicate: ({ queryKey: [first] }) => (body.tenantId ? first !== "session" : first === "users") });
    },
  };
}
