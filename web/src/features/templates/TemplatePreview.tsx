import { Alert, Button, Skeleton, Stack, Text, TextInput, Title, VisuallyHidden } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { type ComponentProps, type FormEvent, lazy, Suspense, useState } from "react";
import { api, type Schema, takeData } from "../../api/client";
import { fieldProblems, reasonOf } from "../../api/failure";
import { useMay } from "../../api/session";
import { useAction, useFailure } from "../../ui/useAction";
import { BlankField } from "./BlankField";
import { blanksOf, conditionCount, stepsOf } from "./blanks";
import classes from "./templates.module.css";
import { texts } from "./texts";

const PreviewCanvas = lazy(() => import("../builder").then((builder) => ({ default: builder.PreviewCanvas })));
type PreviewProps = ComponentProps<typeof PreviewCanvas>;
type Template = Schema<"Template">;

export function TemplatePreview({ template }: { template: Template }) {
  const mayEdit = useMay("editor");
  const trigger: unknown = template.workflow_definition["trigger_event"];
  const count = conditionCount(template);
  return (
    <Stack gap="lg">
      <Text size="sm" c="dimmed">{template.description}</Text>
      <section>
        <Title order={3} mb="xs">{texts.steps}</Title>
        <div className={classes["canvas"]}>
          <Suspense fallback={<Skeleton height="100%" />}><PreviewCanvas definition={template.workflow_definition as PreviewProps["definition"]} /></Suspense>
        </div>
        {/* The same as a list, for those who do not see the drawing. */}
        <VisuallyHidden>
          <ol>
            <li>{texts.starts} {String(trigger)}</li>
            {count > 0 && <li>{texts.conditions(count)}</li>}
            {stepsOf(template).map((step, index) => <li key={index}>{step.name ?? step.type.replaceAll("_", " ")}</li>)}
          </ol>
        </VisuallyHidden>
      </section>
      {mayEdit ? <Filling template={template} /> : <Text size="sm" c="dimmed">{texts.mayNot}</Text>}
    </Stack>
  );
}

function Filling({ template }: { template: Template }) {
  const navigate = useNavigate();
  const blanks = blanksOf(template);
  const [name, setName] = useState(template.name);
  const [values, setValues] = useState<Record<string, unknown>>(() => Object.fromEntries(blanks.map((blank) => [blank.key, blank.initial])));
  const [failure, tell] = useFailure();
  const use = useAction((body: Schema<"Filling">) => takeData(api.POST("/api/workflow-templates/{id}/use", { params: { path: { id: template.id } }, body })), { touches: ["workflows", "templates"], done: texts.made, failed: tell });
  const form = blanks.find((blank) => blank.type === "form");
  const formId = form && typeof values[form.key] === "number" ? (values[form.key] as number) : undefined;
  const problems = fieldProblems(failure);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    tell(null);
    const variables = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== ""));
    use.mutate({ name, variables }, {
      onSuccess: (workflow) => void navigate({ to: "/workflows/$workflowId", params: { workflowId: String(workflow.id) } }),
    });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Title order={3}>{texts.blanks}</Title>
        {failure !== null && <Alert color="red" variant="outline" role="alert">{reasonOf(failure)}</Alert>}
        <TextInput label={texts.name} required value={name} onChange={(event) => setName(event.currentTarget.value)} />
        {blanks.map((blank) => (
          <BlankField key={blank.key} blank={blank} value={values[blank.key]} formId={formId} problem={problems[`variables.${blank.key}`]} set={(value) => setValues({ ...values, [blank.key]: value })} />
        ))}
        <Button type="submit" loading={use.isPending}>{texts.use}</Button>
      </Stack>
    </form>
  );
}
