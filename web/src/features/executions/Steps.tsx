import { Badge, Button, Collapse, Group, SimpleGrid, Text, UnstyledButton } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { JsonBlock } from "../../ui/JsonBlock";
import { useStepName } from "../../ui/stepName";
import { StatusChip, type Tone } from "../../ui/StatusChip";
import { Countdown, duration } from "../../ui/Time";
import { Conditions } from "./Conditions";
import classes from "./executions.module.css";
import { awaitedBy, isHandled, joinOf, type Log, type Step, stepsOf, storyOf } from "./journal";
import { texts } from "./texts";
import type { Journal } from "./useJournal";

const words = texts.detail;

const statuses: Record<Log["status"], { label: string; tone: Tone }> = {
  pending: { label: words.states.pending, tone: "quiet" },
  running: { label: words.states.running, tone: "moving" },
  completed: { label: words.states.completed, tone: "good" },
  failed: { label: words.states.failed, tone: "bad" },
  skipped: { label: words.states.skipped, tone: "quiet" },
};

/** Which step was asked for on the canvas; the number makes the same step asked for twice two requests. */
export type Asked = { stepId: string; number: number };

type Props = { journal: Journal; isOver: boolean; endedAt: string | undefined; asked: Asked | undefined };

/** So many steps are drawn at once, and so many more each time that they are asked for. */
const SHOWN = 300;

export function Steps({ journal, isOver, endedAt, asked }: Props) {
  const [limit, setLimit] = useState(SHOWN);
  const stepName = useStepName();
  const steps = useMemo(() => stepsOf(journal.logs), [journal.logs]);
  if (steps.length === 0) return <Text c="dimmed" size="sm">{words.noSteps}</Text>;
  const firstAt = steps.findIndex((step) => step.id === asked?.stepId);
  const first = steps[firstAt]?.path;
  // What was pressed on the canvas is shown, however far down it stands.
  const shown = steps.slice(0, Math.max(limit, firstAt + 1));
  return (
    <>
      <ol className={classes["timeline"]}>
        {shown.map((step) => <StepRow key={step.path} step={step} name={stepName(step.last.step_name)} isOver={isOver} hasEnded={step.path === endedAt} asked={step.path === first ? asked?.number : undefined} />)}
      </ol>
      {shown.length < steps.length && <Button variant="default" size="xs" mt="sm" onClick={() => setLimit(shown.length + SHOWN)}>{words.moreSteps(steps.length - shown.length)}</Button>}
    </>
  );
}

type RowProps = { step: Step; name: string; isOver: boolean; hasEnded: boolean; asked: number | undefined };

function StepRow({ step, name, isOver, hasEnded, asked }: RowProps) {
  const { last, attempts } = step;
  const element = useRef<HTMLLIElement>(null);
  // What went wrong or was decided is what one has come to see.
  const [isOpen, setOpen] = useState((last.status === "failed" && !isHandled(last)) || hasEnded || (step.type === "condition" && storyOf(last)?.conditions?.length !== 0));
  const [seen, setSeen] = useState<number>();
  if (asked !== undefined && asked !== seen) {
    setSeen(asked);
    setOpen(true);
  }
  useEffect(() => {
    if (asked === undefined) return;
    element.current?.scrollIntoView({ block: "nearest" });
    element.current?.querySelector("button")?.focus({ preventScroll: true });
  }, [asked]);
  return (
    <li ref={element} className={classes["step"]} data-status={isHandled(last) ? "handled" : last.status} style={{ marginInlineStart: `min(${Math.min(step.depth, 6) * 22}px, ${Math.min(step.depth, 6) * 3}vw)` }}>
      {step.pause > 1000 && <Text size="xs" c="dimmed" mb={4}>{words.waited(duration(step.pause))}</Text>}
      <div className="panel">
        <UnstyledButton className={classes["head"]} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          <IconChevronRight size={16} aria-hidden className={classes["chevron"]} data-open={isOpen || undefined} />
          <span style={{ flex: 1, minWidth: 0 }}>
            <Text span size="sm" fw={500} style={{ overflowWrap: "anywhere" }}>{name}</Text>{" "}
            {step.place && <Text span size="xs" c="dimmed" ml={8}>{step.place}</Text>}
          </span>
          {attempts.length > 1 && <Badge variant="default" size="sm" tt="none" fw={500}>{words.attempts(attempts.length)}</Badge>}
          <StepStatus log={last} isOver={isOver} hasEnded={hasEnded} />
          <Text span size="xs" c="dimmed" className="numbers" miw={56} ta="end">{duration(last.duration_ms)}</Text>
        </UnstyledButton>
        <Collapse expanded={isOpen}>
          {isOpen && <div className={classes["body"]}>
            {attempts.length === 1 ? <Attempt log={last} /> : (
              <SimpleGrid cols={{ base: 1, md: Math.min(attempts.length, 3) }} spacing="sm">
                {attempts.map((log) => (
                  <section key={log.id} aria-label={words.attempt(log.attempt)} style={{ minWidth: 0 }}>
                    <Group gap="xs" mb={6}><Text size="sm" fw={600}>{words.attempt(log.attempt)}</Text><StepStatus log={log} isOver={isOver || log !== last} hasEnded={hasEnded && log === last} /><Text size="xs" c="dimmed">{duration(log.duration_ms)}</Text></Group>
                    <Attempt log={log} />
                  </section>
                ))}
              </SimpleGrid>
            )}
          </div>}
        </Collapse>
      </div>
    </li>
  );
}

function StepStatus({ log, isOver, hasEnded }: { log: Log; isOver: boolean; hasEnded: boolean }) {
  if (hasEnded) return <StatusChip tone="waiting">{words.endedHere}</StatusChip>;
  if (isHandled(log)) return <StatusChip tone="waiting">{words.handled}</StatusChip>;
  if (log.step_type === "condition" && log.status === "completed") {
    return storyOf(log)?.result === false ? <StatusChip tone="quiet">{words.conditionsNotMet}</StatusChip> : <StatusChip tone="good">{words.conditionsMet}</StatusChip>;
  }
  if (!isOver && log.resume_at && log.status !== "completed" && log.status !== "skipped") {
    return <Group gap={6} wrap="nowrap"><StatusChip tone="waiting">{log.status === "failed" ? words.willRetry : words.waiting}</StatusChip><Text span size="xs" c="dimmed">{awaitedBy(log) !== "time" && `${words.atMost} `}<Countdown until={log.resume_at} over={words.due} /></Text></Group>;
  }
  const { label, tone } = statuses[log.status];
  return <StatusChip tone={tone}>{label}</StatusChip>;
}

function Attempt({ log }: { log: Log }) {
  const verdict = storyOf(log);
  return (
    <div style={{ display: "grid", gap: 10, minWidth: 0 }}>
      {log.error && <Text size="sm" c="var(--mantine-color-error)" style={{ overflowWrap: "anywhere" }}>{log.error}</Text>}
      {log.warnings.map((warning) => <Text key={warning} size="sm" c="dimmed">{warning}</Text>)}
      {log.carried_from && <Text size="xs" c="dimmed">{words.carried(log.carried_from)}</Text>}
      {verdict?.conditions?.length === 0 ? <Text size="sm" c="dimmed">{words.noConditions}</Text> : verdict ? <Conditions verdict={{ logic: joinOf(log.input_data), ...verdict }} /> : (
        <>
          {log.input_data !== null && log.input_data !== undefined && <div><Text size="xs" c="dimmed" mb={4}>{words.input}</Text><JsonBlock value={log.input_data} label={`${words.input}: ${log.step_name}, ${words.attempt(log.attempt)}`} /></div>}
          {log.output_data && <div><Text size="xs" c="dimmed" mb={4}>{words.output}</Text><JsonBlock value={log.output_data} label={`${words.output}: ${log.step_name}, ${words.attempt(log.attempt)}`} /></div>}
        </>
      )}
    </div>
  );
}
