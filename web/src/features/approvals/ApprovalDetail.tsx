import { Alert, Button, Group, Stack, Text, Textarea, Title } from "@mantine/core";
import { useState } from "react";
import { api, type Schema, takeData } from "../../api/client";
import { fieldProblems, reasonOf } from "../../api/failure";
import { useActorName } from "../../ui/actors";
import { answerText } from "../../ui/answer";
import { AnchorLink } from "../../ui/links";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/Time";
import { useAction, useFailure } from "../../ui/useAction";
import { AnswerField } from "./AnswerField";
import classes from "./approvals.module.css";
import { texts } from "./texts";

type Approval = Schema<"Approval">;
type Ruling = Schema<"ApprovalRuling">;

/** One thing to decide: the story, the questions, and the two buttons. */
export function ApprovalDetail({ approval, close }: { approval: Approval; close: () => void }) {
  const nameOf = useActorName();
  const labels = new Map(approval.form.map(({ key, label }) => [key, label]));
  return (
    <Stack gap="md">
      <Group gap="md">
        <AnchorLink to="/executions/$executionId" params={{ executionId: String(approval.execution_id) }} size="sm">{texts.run(approval.execution_id)}</AnchorLink>
        <Text size="sm" c="dimmed">{texts.needed(approval.decisions.filter(({ decision }) => decision === "approved").length, approval.required)}</Text>
        <Text size="sm" c="dimmed">{texts.asked} {approval.approvers.map((approver) => approverName(approver, nameOf)).join(", ")}</Text>
      </Group>
      {approval.message && <Text size="sm" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{approval.message}</Text>}
      {approval.status === "open" ? (approval.may_decide ? <Deciding approval={approval} close={close} /> : <Text size="sm" c="dimmed">{texts.mayNot}</Text>) : <StatusChip tone={approval.status === "approved" ? "good" : approval.status === "rejected" ? "bad" : "quiet"}>{texts.states[approval.status]}</StatusChip>}
      {approval.decisions.length > 0 && (
        <section>
          <Title order={3} mb="xs">{texts.said}</Title>
          <Stack gap="sm">
            {approval.decisions.map(({ by, decision, comment, form, at }) => (
              <div key={`${by} ${at}`}>
                <Group gap="sm"><StatusChip tone={decision === "approved" ? "good" : "bad"}>{texts.states[decision]}</StatusChip><Text size="sm">{nameOf(by)}</Text><Text size="xs" c="dimmed"><Time at={at} /></Text></Group>
                {comment && <Text size="sm" pl={15} style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{comment}</Text>}
                {Object.keys(form).length > 0 && (
                  <dl className={classes["given"]} aria-label={texts.given}>
                    {Object.entries(form).map(([key, answer]) => <div key={key}><dt>{labels.get(key) ?? key}</dt><dd>{answerText(answer)}</dd></div>)}
                  </dl>
                )}
              </div>
            ))}
          </Stack>
        </section>
      )}
    </Stack>
  );
}

/** One of those who are asked: a person, everybody of a role, or an address. */
function approverName(approver: Record<string, unknown>, nameOf: (by: string) => string): string {
  const { userId, role, email } = approver;
  if (typeof userId === "number") return nameOf(`user:${userId}`);
  return typeof role === "string" ? (texts.roles[role] ?? role) : String(email);
}

function Deciding({ approval, close }: { approval: Approval; close: () => void }) {
  const [answers, setAnswers] = useState<Record<string, unknown>>({});
  const [comment, setComment] = useState("");
  const [failure, tell] = useFailure();
  const decide = useAction((body: Ruling) => takeData(api.POST("/api/approvals/{id}/decide", { params: { path: { id: approval.id } }, body })), {
    touches: ["approvals", "executions", "overview"],
    done: ({ status }) => (status === "rejected" ? texts.rejected : texts.approved),
    failed: tell,
  });
  const problems = fieldProblems(failure);
  const hasPlace = Object.keys(problems).some((path) => path.startsWith("form."));
  const send = (decision: Ruling["decision"]) => {
    tell(null);
    const form = Object.fromEntries(Object.entries(answers).filter(([, answer]) => answer !== undefined && answer !== "" && answer !== null));
    decide.mutate({ decision, ...(comment.trim() && { comment: comment.trim() }), ...(Object.keys(form).length > 0 && { form }) }, { onSuccess: close });
  };
  return (
    <Stack gap="sm">
      {failure !== null && !hasPlace && <Alert color="red" variant="outline" role="alert">{reasonOf(failure)}</Alert>}
      {approval.form.map((question) => (
        <AnswerField key={question.key} question={question} value={answers[question.key]} problem={problems[`form.${question.key}`]} set={(value) => setAnswers({ ...answers, [question.key]: value })} />
      ))}
      <Textarea label={texts.comment} description={texts.commentHint} inputWrapperOrder={["label", "input", "description", "error"]} autosize minRows={2} value={comment} error={problems["comment"]} onChange={(event) => setComment(event.currentTarget.value)} />
      <Text size="xs" c="dimmed">{texts.waitsUntil} <Time at={approval.timeout_at} exact /></Text>
      <Group gap="xs">
        <Button loading={decide.isPending} onClick={() => send("approved")}>{texts.approve}</Button>
        <Button variant="default" loading={decide.isPending} onClick={() => send("rejected")}>{texts.reject}</Button>
      </Group>
    </Stack>
  );
}
