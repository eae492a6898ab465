import { type Query, type QueryKey, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { touchedBy } from "./touched";

/** How soon what one watches is read anew, and how soon sums and lists, however much happens. */
const SOON = 500;
const LATER = 2_000;
/** How soon the stream is opened again by hand, when the browser has given it up; it doubles up to the longest. */
const AGAIN = 1_000;
const LONGEST = 30_000;

/** What is being written, or asked once, is nobody's but the screen's own. */
const OWN: unknown[] = ["session", "builder", "usual"];
const KINDS = ["execution", "approval", "notification"] as const;

/**
 * Reads anew what has changed, as the server tells it. The stream says only ids and statuses, so that what is shown is always
 * what the API answers, with masking and roles.
 */
export function useLive(isSignedIn: boolean): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!isSignedIn) return;
    const read = (keys: QueryKey[]) => keys.forEach((queryKey) => void client.invalidateQueries({ queryKey }));
    const everything = () => void client.invalidateQueries({ predicate: ({ queryKey }: Query) => !OWN.includes(queryKey[0]) });
    const [soon, later, all] = [collector(SOON, read), collector(LATER, read), collector(LATER, everything)];
    const stop = listen((kind, data) => {
      if (kind === "reset") return all.add([]);
      const touched = touchedBy(kind, data);
      touched.soon.forEach(soon.add);
      touched.later.forEach(later.add);
    });
    return () => {
      stop();
      [soon, later, all].forEach(({ drop }) => drop());
    };
  }, [client, isSignedIn]);
}

/** Puts together what is asked for within a time, each once. */
function collector(pace: number, act: (keys: QueryKey[]) => void) {
  const keys = new Map<string, QueryKey>();
  let timer: number | undefined;
  return {
    add: (key: QueryKey) => {
      keys.set(JSON.stringify(key), key);
      timer ??= window.setTimeout(() => {
        timer = undefined;
        const asked = [...keys.values()];
        keys.clear();
        act(asked);
      }, pace);
    },
    drop: () => window.clearTimeout(timer),
  };
}

/** The stream, for as long as it is wanted. A broken connection the browser mends itself; an answer that is no stream it takes for the last word, and we do not. */
function listen(tell: (kind: string, data: unknown) => void): () => void {
  let source: EventSource;
  let timer: number | undefined;
  let wait = AGAIN;
  let wasAway = false;
  const open = () => {
    source = new EventSource("/api/live");
    for (const kind of KINDS) source.addEventListener(kind, ({ data }: MessageEvent<string>) => tell(kind, JSON.parse(data)));
    source.addEventListener("reset", () => tell("reset", null));
    source.addEventListener("open", () => {
      wait = AGAIN;
      if (wasAway) tell("reset", null);
      wasAway = false;
    });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return;
      wasAway = true;
      timer = window.setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST);
    });
  };
  open();
  return () => {
    source.close();
    window.clearTimeout(timer);
  };
}
