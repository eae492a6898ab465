import { List, Stack, Text } from "@mantine/core";
import type { Schema } from "../../api/client";
import { duration } from "../../ui/Time";
import { useStepName } from "../../ui/stepName";
import type { Source } from "./filter";
import { texts } from "./texts";

const words = texts.start;

type Props = { preview: Schema<"JobPreview">; source: Source; takesAgain: boolean; rate: number };

/** What a job would do: how many records there are, what the workflow says of them, and a few of them in full. */
export function Preview({ preview, source, takesAgain, rate }: Props) {
  const { total, lookedAt, verdicts, samples } = preview;
  const stepName = useStepName();
  if (total === 0) return <Text size="sm">{words.nothing}</Text>;
  const told = (Object.keys(words.verdicts) as (keyof Schema<"Verdicts">)[]).filter((name) => verdicts[name] > 0);
  return (
    <Stack gap="md" role="status">
      <div>
        <Text fw={600}>{words.total(total)}</Text>
        <Text size="sm" c="dimmed">{words.lasts(duration((total / rate) * 1000))} {words.sendsNothing}</Text>
      </div>
      <div>
        <Text size="sm" mb={4}>{lookedAt < total ? words.lookedAt(lookedAt) : words.lookedAtAll}</Text>
        <List size="sm" className="numbers">
          {told.map((name) => <List.Item key={name}><Text span size="sm" fw={name === "would_run" ? 600 : 400}>{verdicts[name].toLocaleString()} {name === "taken_before" && takesAgain ? words.takenAgain : words.verdicts[name]}</Text></List.Item>)}
        </List>
      </div>
      {samples.length > 0 && (
        <section aria-label={words.samples}>
          <Text size="sm" mb={6}>{words.samples}</Text>
          <Stack gap="xs">
            {samples.map(({ recordId, run }) => {
              const steps = run.actions.filter(({ wouldRun }) => wouldRun).map(({ name }) => stepName(name));
              return (
                <div key={recordId} className="panel" style={{ padding: "8px 12px" }}>
                  <Text size="sm" fw={500}>{words.sample(source, recordId)}</Text>
                  <Text size="sm" c="dimmed">{steps.length === 0 ? words.noStep : steps.join(" → ")}</Text>
                </div>
              );
            })}
          </Stack>
        </section>
      )}
    </Stack>
  );
}
