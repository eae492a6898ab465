import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { say, sayFailure } from "./notice";

type Options<Output> = {
  /** The beginnings of queries' keys that are read anew. */
  touches: string[];
  done?: string | ((output: Output) => string);
  /** Who tells what was refused; without a word it is a notice. A dialog tells it itself (`useFailure`), so that it is told once. */
  failed?: (error: unknown) => void;
};

/** Something that changes the server: what it touches is read anew, and it says how it went. */
export function useAction<Input, Output>(act: (input: Input) => Promise<Output>, { touches, done, failed = sayFailure }: Options<Output>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: async (output) => {
      if (done) say(typeof done === "function" ? done(output) : done);
      await Promise.all(touches.map((key) => client.invalidateQueries({ queryKey: [key] })));
    },
    onError: failed,
  });
}

/** What was refused, to be shown where it was asked for; in a notice when the answer comes after that is gone. `null`: nothing was. */
export function useFailure(): [failure: unknown, tell: (error: unknown) => void] {
  const [failure, setFailure] = useState<unknown>(null);
  const isThere = useRef(true);
  useEffect(() => {
    isThere.current = true;
    return () => {
      isThere.current = false;
    };
  }, []);
  return [failure, (error) => {
    if (isThere.current) setFailure(error);
    else if (error !== null) sayFailure(error);
  }];
}
