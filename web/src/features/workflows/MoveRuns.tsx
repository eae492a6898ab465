import { Button, Group, List, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Schema, takeData } from "../../api/client";
import { useConfirm } from "../../ui/confirm";
import { useAction } from "../../ui/useAction";
import { texts } from "./texts";

const words = texts.move;

type Answer = Schema<"MoveAnswer">;
type Moved = Pick<Answer, "movable" | "notMovable" | "reasons">;

/** Takes together what several calls said: each looks at so many runs. */
export function together(answers: readonly Moved[]): Moved {
  const reasons = new Map<string, Answer["reasons"][number]>();
  for (const { reason, count, executionIds } of answers.flatMap((answer) => answer.reasons)) {
    const known = reasons.get(reason);
    reasons.set(reason, known ? { reason, count: known.count + count, executionIds: [...known.executionIds, ...executionIds].slice(0, 5) } : { reason, count, executionIds });
  }
  const sum = (of: "movable" | "notMovable") => answers.reduce((total, answer) => total + answer[of], 0);
  return { movable: sum("movable"), notMovable: sum("notMovable"), reasons: [...reasons.values()].sort((a, b) => b.count - a.count) };
}

/** Runs that wait on an older version go on with this one: first which ones can, then the move. */
export function MoveRuns({ workflowId, version }: { workflowId: number; version: number }) {
  const { dialog, confirm } = useConfirm();
  const [found, setFound] = useState<Moved>();
  const all = async (dryRun: boolean): Promise<Moved> => {
    const answers: Answer[] = [];
    for (let after: number | null | undefined; after !== null;) {
      const answer: Answer = await takeData(api.POST("/api/workflows/{id}/versions/{number}/move", { params: { path: { id: workflowId, number: version } }, body: { dryRun, ...(after !== undefined && { after }) } }));
      answers.push(answer);
      after = answer.next;
    }
    return together(answers);
  };
  const look = useAction(() => all(true), { touches: [] });
  const move = useAction(() => all(false), { touches: ["executions"], done: ({ movable }) => words.done(movable, version) });
  return (
    <section className="panel" style={{ padding: 16, marginTop: 12 }} aria-label={words.title}>
      {dialog}
      <Title order={2} mb={4}>{words.title}</Title>
      <Text size="sm" c="dimmed" mb="sm">{words.hint(version)}</Text>
      {found && <Found found={found} version={version} />}
      <Group gap="xs">
        <Button size="xs" variant="default" loading={look.isPending} onClick={() => look.mutate(undefined, { onSuccess: setFound })}>{found ? words.lookAgain : words.look}</Button>
        {found && found.movable > 0 && (
          <Button size="xs" loading={move.isPending} onClick={() => confirm(words.confirm(found.movable, version), () => move.mutate(undefined, { onSuccess: ({ notMovable, reasons }) => setFound({ movable: 0, notMovable, reasons }) }))}>{words.go(found.movable)}</Button>
        )}
      </Group>
    </section>
  );
}

function Found({ found, version }: { found: Moved; version: number }) {
  if (found.movable + found.notMovable === 0) return <Text size="sm" mb="sm" role="status">{words.none}</Text>;
  return (
    <div role="status" style={{ marginBottom: 12 }}>
      <Text size="sm" fw={500}>{words.movable(found.movable, version)}</Text>
      {found.notMovable > 0 && (
        <>
          <Text size="sm">{words.notMovable(found.notMovable)}</Text>
          <List size="sm" mt={4}>
            {found.reasons.map(({ reason, count, executionIds }) => (
              <List.Item key={reason}>
                <Text span size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>{count.toLocaleString()}: {reason} </Text>
                {executionIds.map((id) => <Link key={id} to="/executions/$executionId" params={{ executionId: String(id) }} style={{ marginInlineEnd: 6, fontSize: 13 }}>#{id}</Link>)}
              </List.Item>
            ))}
          </List>
        </>
      )}
    </div>
  );
}
