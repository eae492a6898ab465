import { SimpleGrid, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { api, takeData } from "../../api/client";
import { answerText } from "../../ui/answer";
import { Page } from "../../ui/Page";
import { ErrorState, RowsLoading } from "../../ui/states";
import { Time } from "../../ui/Time";
import classes from "./data.module.css";
import { RunsOf } from "./RunsOf";
import { texts } from "./texts";
import { WhyNot } from "./WhyNot";

const words = texts.submissions;

/** One answer: what was said, and what came of it; or why nothing did. */
export function SubmissionScreen() {
  const { submissionId } = useParams({ strict: false });
  const id = Number(submissionId);
  const query = useQuery({ queryKey: ["submissions", "one", id], queryFn: () => takeData(api.GET("/api/submissions/{id}", { params: { path: { id } } })) });
  const formId = query.data?.form_id;
  const form = useQuery({ queryKey: ["forms", "one", formId], enabled: formId !== undefined, retry: false, queryFn: () => takeData(api.GET("/api/forms/{id}", { params: { path: { id: formId ?? 0 } } })) });
  const title = words.one(String(submissionId));
  if (!query.data) return <Page title={title}><div className="panel">{query.error ? <ErrorState error={query.error} again={() => void query.refetch()} /> : <RowsLoading />}</div></Page>;
  const submission = query.data;
  const labels = new Map(form.data?.questions.map((question) => [question.key, question.label]));
  return (
    <Page title={title} size={1000} hint={<>
      <Time at={submission.submitted_at ?? submission.created_at} exact /> · <Link to="/forms/$formId/answers" params={{ formId: String(submission.form_id) }}>{form.data?.name ?? `${words.form} #${submission.form_id}`}</Link>
      {submission.contact_id && <> · <Link to="/contacts" search={{ open: String(submission.contact_id) }}>{words.columns.contact} #{submission.contact_id}</Link></>}
    </>}>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <div className="panel" style={{ padding: 16 }}>
          <dl className={classes["answers"]}>
            {Object.entries(submission.data).map(([key, value]) => <div key={key}><dt>{labels.get(key) ?? key}</dt><dd>{answerText(value)}</dd></div>)}
          </dl>
        </div>
        <div className="panel" style={{ padding: 16 }}>
          <Title order={2} mb="sm">{words.runs}</Title>
          <RunsOf query={{ submissionId: id }} none={words.why} />
          <div style={{ margin: "4px 0 14px" }}><WhyNot submissionId={id} /></div>
          <Text size="sm"><Link to="/tickets" search={{ submissionId: String(id) }}>{texts.tickets.title}</Link></Text>
        </div>
      </SimpleGrid>
    </Page>
  );
}
