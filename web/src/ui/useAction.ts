import { useMutation, useQueryClient } from "@tanstack/react-query";
import { say, sayFailure } from "./notice";

/** Something that changes the server: what it touches is read anew, and it says how it went. */
export function useAction<Input, Output>(act: (input: Input) => Promise<Output>, { touches, done }: { touches: string[]; done?: string | ((output: Output) => string) }) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSuccess: async (output) => {
      if (done) say(typeof done === "function" ? done(output) : done);
      await Promise.all(touches.map((key) => client.invalidateQueries({ queryKey: [key] })));
    },
    onError: sayFailure,
  });
}
