import { Button, Group, Text } from "@mantine/core";
import { api, take } from "../../api/client";
import { useAction } from "../../ui/useAction";
import { texts } from "./texts";

const touches = ["executions", "overview"];

/** How many of the calls the server took; what has ended cannot be cancelled, and that is no failure of the others. */
async function each(ids: number[], call: (id: number) => Promise<unknown>): Promise<{ done: number; refused: number }> {
  let done = 0;
  // A few at a time: the server limits how fast one person may ask.
  for (let start = 0; start < ids.length; start += 5) {
    const results = await Promise.allSettled(ids.slice(start, start + 5).map(call));
    done += results.filter((result) => result.status === "fulfilled").length;
  }
  return { done, refused: ids.length - done };
}

export function BulkBar({ ids, clear }: { ids: number[]; clear: () => void }) {
  const retry = useAction(() => each(ids, (id) => take(api.POST("/api/workflow-executions/{id}/retry", { params: { path: { id } }, body: {} }))), {
    touches, done: ({ done, refused }) => texts.retriedMany(done, refused),
  });
  const cancel = useAction(() => each(ids, (id) => take(api.POST("/api/workflow-executions/{id}/cancel", { params: { path: { id } } }))), {
    touches, done: ({ done, refused }) => texts.cancelledMany(done, refused),
  });
  return (
    <Group gap="xs" mb="sm" role="region" aria-label={texts.selected(ids.length)}>
      <Text size="sm" fw={500} className="numbers">{texts.selected(ids.length)}</Text>
      <Button size="xs" loading={retry.isPending} onClick={() => retry.mutate(undefined, { onSuccess: clear })}>{texts.retry}</Button>
      <Button size="xs" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate(undefined, { onSuccess: clear })}>{texts.cancel}</Button>
      <Button size="xs" variant="subtle" onClick={clear}>{texts.clear}</Button>
    </Group>
  );
}
