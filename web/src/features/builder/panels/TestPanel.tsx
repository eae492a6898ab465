// A test run: the present draft with a past answer, the last event or typed data. Its verdicts and rendered configs go to the canvas too; nothing is sent.
import { Alert, Badge, Button, Group, SegmentedControl, Select, Stack, Text, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ApiFailure, type DryRun, type Submission } from "../api";
import classes from "../builder.module.css";
import { isObject, type Json, type JsonObject } from "../model/json";
import { operatorOf } from "../model/conditions";
import { useBuilder } from "../state";
import { texts } from "../texts";

type Source = "submission" | "event" | "typed";

/** The data that the event of a submission carries. */
async function dataOf(submission: Submission): Promise<JsonObject> {
  const contact = submission.contact_id === null ? undefined : await api.contact(submission.contact_id).catch(() => undefined);
  return {
    formId: submission.form_id,
    submission: { id: submission.id, formId: submission.form_id, contactId: submission.contact_id, data: submission.data, submittedAt: submission.submitted_at },
    ...(contact ? { contact } : {}),
  };
}

function told(submission: Submission): string {
  const answers = Object.values(submission.data).filter((answer) => typeof answer === "string" || typeof answer === "number");
  const text = answers.map(String).join(" · ");
  return `#${submission.id}  ${text.length > 52 ? `${text.slice(0, 51)}…` : text}`;
}

export function TestPanel() {
  const { workflowId, definition, dispatch, state, known } = useBuilder();
  const isForm = definition.trigger_event === "submission_completed";
  const formId = typeof definition.trigger_config?.formId === "number" ? definition.trigger_config.formId : undefined;
  const [source, setSource] = useState<Source>(isForm ? "submission" : known.triggerData ? "event" : "typed");
  const [chosen, setChosen] = useState<string | null>(null);
  const [typed, setTyped] = useState(() => JSON.stringify(known.triggerData ?? example(known.questions), null, 2));
  const [failure, setFailure] = useState<string>();
  const [running, setRunning] = useState(false);
  const submissions = useQuery({ queryKey: ["builder", "submissions", formId], queryFn: () => api.submissions(formId), enabled: isForm });
  const list = submissions.data ?? [];
  const picked = list.find(({ id }) => String(id) === chosen) ?? list[0];

  const run = async (): Promise<void> => {
    setRunning(true);
    setFailure(undefined);
    try {
      let data: Json | undefined;
      if (source === "submission") data = picked ? await dataOf(picked) : undefined;
      else if (source === "event") data = known.triggerData;
      else data = JSON.parse(typed) as Json;
      if (!isObject(data)) setFailure(source === "typed" ? texts.noObject : texts.noEvents);
      else dispatch({ type: "tested", dryRun: await api.test(workflowId, definition, data) });
    } catch (error) {
      setFailure(error instanceof SyntaxError ? texts.noJson(error.message) : error instanceof ApiFailure ? [error.message, ...error.details.map(({ path, message }) => `${path}: ${message}`)].join("\n") : String(error));
    } finally {
      setRunning(false);
    }
  };

  return (
    <Stack gap="md">
      <Text size="sm" c="dimmed">
        {texts.testHint}
      </Text>
      <SegmentedControl
        size="xs"
        fullWidth
        aria-label={texts.testWith}
        value={source}
        onChange={(value) => setSource(value as Source)}
        data={[...(isForm ? [{ value: "submission", label: texts.lastSubmission }] : []), ...(known.triggerData ? [{ value: "event", label: texts.lastEvent }] : []), { value: "typed", label: texts.typed }]}
      />
      {source === "submission" &&
        (list.length === 0 ? (
          <Text size="sm">{submissions.isLoading ? "…" : texts.noSubmissions}</Text>
        ) : (
          <Select label={texts.chooseSubmission} data={list.map((submission) => ({ value: String(submission.id), label: told(submission) }))} value={chosen ?? String(picked?.id)} searchable allowDeselect={false} onChange={setChosen} />
        ))}
      {source === "typed" && <Textarea label={texts.typedData} autosize minRows={8} maxRows={18} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12.5 } }} />}
      <Group gap="xs">
        <Button loading={running} onClick={() => void run()}>
          {texts.runTest}
        </Button>
        {state.dryRun && (
          <Button variant="subtle" color="gray" onClick={() => dispatch({ type: "tested", dryRun: undefined })}>
            {texts.clearTest}
          </Button>
        )}
      </Group>
      {failure && (
        <Alert color="red" variant="light" style={{ whiteSpace: "pre-wrap" }}>
          {failure}
        </Alert>
      )}
      {state.dryRun && <Result dryRun={state.dryRun} />}
    </Stack>
  );
}

function example(questions: readonly { key: string; type: string }[]): JsonObject {
  const answers = Object.fromEntries(questions.map(({ key, type }) => [key, ["nps", "csat", "ces", "rating", "number"].includes(type) ? 3 : ""]));
  return { submission: { contactId: 1, data: answers } };
}

export function Result({ dryRun }: { dryRun: DryRun }) {
  const passed = dryRun.conditionsPassed;
  return (
    <Stack gap="md" role="status">
      <Alert variant="light" color={!dryRun.triggerMatches || passed === false ? "gray" : passed === null ? "yellow" : "teal"}>
        {!dryRun.triggerMatches ? texts.triggerPasses : passed === null ? `${texts.testUndecided} ${dryRun.error ?? ""}` : passed ? texts.testPassed : texts.testFailed}
      </Alert>
      {dryRun.conditions.length > 0 && (
        <div>
          <Text size="sm" fw={600} mb={6}>
            {texts.conditionsTitle}
          </Text>
          <Verdicts conditions={dryRun.conditions} />
        </div>
      )}
      {dryRun.actions.length > 0 && (
        <div>
          <Text size="sm" fw={600} mb={6}>
            {texts.rendered}
          </Text>
          <Stack gap="xs">
            {dryRun.actions.map((action) => (
              <StepResult key={action.stepId} action={action} />
            ))}
          </Stack>
        </div>
      )}
    </Stack>
  );
}

export function Verdicts({ conditions }: { conditions: readonly JsonObject[] }) {
  const { operators, nameOf } = useBuilder();
  return (
    <Stack gap={6} component="ul" className={classes.plainList}>
      {conditions.map((condition, index) => {
        if (Array.isArray(condition.conditions)) {
          return (
            <li key={index} className={classes.verdictGroup}>
              <Text size="xs" c="dimmed">
                {String(condition.logic ?? "")}
              </Text>
              <Verdicts conditions={condition.conditions.filter((inner) => isObject(inner))} />
            </li>
          );
        }
        const good = condition.result === true;
        const operator = operatorOf(operators, String(condition.operator));
        return (
          <li key={index} className={classes.verdict}>
            <Group gap="xs" wrap="nowrap" justify="space-between" align="flex-start">
              <Text size="sm">
                {nameOf(String(condition.field))} {operator?.title ?? String(condition.operator)} {condition.right === undefined || condition.right === null ? "" : typeof condition.right === "object" ? JSON.stringify(condition.right) : String(condition.right)}
              </Text>
              <Badge size="sm" variant="light" color={good ? "teal" : "red"} tt="none" style={{ flexShrink: 0 }}>
                {good ? texts.holds : texts.holdsNot}
              </Badge>
            </Group>
            <Text size="xs" c="dimmed">
              {String(condition.reason ?? "")}
            </Text>
          </li>
        );
      })}
    </Stack>
  );
}

export function StepResult({ action }: { action: DryRun["actions"][number] }) {
  const { actions } = useBuilder();
  const title = action.name === action.type ? (actions.find(({ name }) => name === action.type)?.title ?? action.type) : action.name;
  return (
    <div className={classes.verdict}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Text size="sm" fw={500}>
          {title}
        </Text>
        <Badge size="sm" variant="light" color={action.wouldRun ? "teal" : "gray"} tt="none" style={{ flexShrink: 0 }}>
          {action.wouldRun ? texts.wouldRun : texts.wouldNotRun}
        </Badge>
      </Group>
      {isObject(action.config) && (
        <dl className={classes.rendered}>
          {Object.entries(action.config).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{typeof value === "string" ? value : JSON.stringify(value, null, 1)}</dd>
            </div>
          ))}
        </dl>
      )}
      {[...action.problems.map(({ message }) => message), ...action.warnings].map((warning) => (
        <Text key={warning} size="xs" c="light-dark(var(--mantine-color-orange-9), var(--mantine-color-yellow-4))">
          {warning}
        </Text>
      ))}
    </div>
  );
}
