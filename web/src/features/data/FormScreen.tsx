import { Alert, Button, Checkbox, Group, NumberInput, Select, Stack, Switch, TagsInput, Textarea, TextInput, Title } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconChevronLeft, IconExternalLink, IconPlus, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useBlocker, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { fieldProblems, reasonOf } from "../../api/failure";
import { useMay } from "../../api/session";
import { useConfirm } from "../../ui/confirm";
import { Page } from "../../ui/Page";
import { ErrorState, RowsLoading } from "../../ui/states";
import { useAction, useFailure } from "../../ui/useAction";
import classes from "./data.module.css";
import { freshKey, hasOptions, hasRange, moved, type Question, tidied } from "./questions";
import { texts } from "./texts";
import { AnchorLink, ButtonLink } from "../../ui/links";

type Form = Schema<"Form">;

const words = texts.forms;
const types = Object.entries(words.types).map(([value, label]) => ({ value, label }));

export function FormScreen() {
  const { formId } = useParams({ strict: false });
  const id = Number(formId);
  const query = useQuery({ queryKey: ["forms", "one", id], queryFn: () => takeData(api.GET("/api/forms/{id}", { params: { path: { id } } })) });
  if (!query.data) return <Page title={words.title} above={<Back />}><div className="panel">{query.error ? <ErrorState error={query.error} again={() => void query.refetch()} /> : <RowsLoading />}</div></Page>;
  return <Editor key={query.data.version} form={query.data} />;
}

export function Back() {
  return <AnchorLink to="/forms" size="sm" c="dimmed" style={{ display: "inline-flex", alignItems: "center", gap: 2, marginBottom: 8 }}><IconChevronLeft size={15} aria-hidden />{words.title}</AnchorLink>;
}

function Editor({ form }: { form: Form }) {
  const mayEdit = useMay("editor");
  const navigate = useNavigate();
  const { dialog, confirm } = useConfirm();
  const [draft, setDraft] = useState({ name: form.name, slug: form.slug, description: form.description ?? "", is_active: form.is_active, questions: form.questions });
  const [failure, tell] = useFailure();
  const isChanged = JSON.stringify(draft) !== JSON.stringify({ name: form.name, slug: form.slug, description: form.description ?? "", is_active: form.is_active, questions: form.questions });
  useBlocker({ shouldBlockFn: () => isChanged && !window.confirm("Leave without saving the form?"), enableBeforeUnload: isChanged });
  const path = { params: { path: { id: form.id } } };
  const save = useAction(() => takeData(api.PATCH("/api/forms/{id}", { ...path, body: { ...draft, description: draft.description || null, questions: draft.questions.map(tidied) } })), { touches: ["forms"], done: words.saved, failed: tell });
  const archive = useAction(() => take(api.DELETE("/api/forms/{id}", path)), { touches: ["forms"], done: words.archived });
  const problems = fieldProblems(failure);
  const set = (changes: Partial<typeof draft>) => setDraft({ ...draft, ...changes });
  const setQuestion = (index: number, changes: Partial<Question>) => set({ questions: draft.questions.map((one, place) => (place === index ? { ...one, ...changes } : one)) });
  const links = (
    <>
      <Button component="a" href={`/f/${form.slug}`} target="_blank" rel="noreferrer" variant="default" leftSection={<IconExternalLink size={16} />}>{words.public}</Button>
      <ButtonLink to="/forms/$formId/answers" params={{ formId: String(form.id) }} variant="default">{words.answers}</ButtonLink>
      <ButtonLink to="/invitations" search={{ formId: String(form.id) }} variant="default">{words.invitations}</ButtonLink>
    </>
  );
  const submit = () => { tell(null); save.mutate(undefined); };
  return (
    <Page title={form.name} above={<Back />} actions={links} size={860}>
      {dialog}
      <fieldset disabled={!mayEdit} style={{ border: 0, padding: 0, margin: 0, minWidth: 0 }}>
        <Stack>
          {failure !== null && <Alert color="red" variant="outline" role="alert">{reasonOf(failure)}</Alert>}
          <TextInput label={words.fields.name} required value={draft.name} error={problems["name"]} onChange={(event) => set({ name: event.currentTarget.value })} />
          <TextInput label={words.fields.slug} description={words.slugHint} required value={draft.slug} error={problems["slug"]} leftSection="/f/" leftSectionWidth={38} onChange={(event) => set({ slug: event.currentTarget.value })} />
          <Textarea label={words.fields.description} autosize minRows={2} value={draft.description} error={problems["description"]} onChange={(event) => set({ description: event.currentTarget.value })} />
          <Switch label={words.fields.is_active} checked={draft.is_active} onChange={(event) => set({ is_active: event.currentTarget.checked })} />
          <Title order={2} mt="sm">{words.columns.questions}</Title>
          {draft.questions.length === 0 && words.noQuestions}
          {draft.questions.map((question, index) => (
            <QuestionEditor
              key={index} number={index + 1} question={question} problemAt={(name) => problems[`questions[${index}].${name}`]} mayEdit={mayEdit} isLast={index === draft.questions.length - 1}
              set={(changes) => setQuestion(index, changes)} move={(by) => set({ questions: moved(draft.questions, index, by) })}
              remove={() => set({ questions: draft.questions.filter((_, place) => place !== index) })}
            />
          ))}
        </Stack>
      </fieldset>
      {mayEdit && (
        <Group justify="space-between" mt="md">
          <Button variant="default" leftSection={<IconPlus size={16} />} onClick={() => set({ questions: [...draft.questions, { key: freshKey(draft.questions), type: "text", label: "" }] })}>{words.add}</Button>
          <Group gap="xs">
            <Button variant="default" onClick={() => confirm(words.archiveConfirm, () => archive.mutate(undefined, { onSuccess: () => void navigate({ to: "/forms", ignoreBlocker: true }) }))}>{words.archive}</Button>
            <Button disabled={!isChanged} loading={save.isPending} onClick={submit}>{words.save}</Button>
          </Group>
        </Group>
      )}
    </Page>
  );
}

type QuestionProps = {
  number: number; question: Question; problemAt: (name: string) => string | undefined; mayEdit: boolean; isLast: boolean;
  set: (changes: Partial<Question>) => void; move: (by: 1 | -1) => void; remove: () => void;
};

function QuestionEditor({ number, question, problemAt, mayEdit, isLast, set, move, remove }: QuestionProps) {
  const name = words.question(number);
  return (
    <fieldset className={classes["question"]}>
      <legend>{name}</legend>
      <Stack gap="sm">
        <TextInput label={words.label} required value={question.label} error={problemAt("label")} onChange={(event) => set({ label: event.currentTarget.value })} />
        <Group grow align="flex-start" preventGrowOverflow={false}>
          <Select label={words.type} data={types} value={question.type} allowDeselect={false} maxDropdownHeight={340} miw={200} onChange={(type) => type && set({ type: type as Question["type"] })} />
          <TextInput label={words.key} description={words.keyHint} inputWrapperOrder={["label", "input", "description", "error"]} required value={question.key} error={problemAt("key")} miw={140} onChange={(event) => set({ key: event.currentTarget.value })} />
        </Group>
        {hasOptions(question.type) && <TagsInput label={words.options} value={question.options ?? []} error={problemAt("options")} onChange={(options) => set({ options })} />}
        {hasRange(question.type) && (
          <Group grow>
            <NumberInput label={words.min} value={question.min ?? ""} error={problemAt("min")} onChange={(min) => set({ min: typeof min === "number" ? min : null })} />
            <NumberInput label={words.max} value={question.max ?? ""} error={problemAt("max")} onChange={(max) => set({ max: typeof max === "number" ? max : null })} />
          </Group>
        )}
        <Group justify="space-between">
          <Group>
            <Checkbox label={words.required} checked={question.required ?? false} onChange={(event) => set({ required: event.currentTarget.checked })} />
            <Checkbox label={words.personal} checked={question.personal ?? false} onChange={(event) => set({ personal: event.currentTarget.checked })} />
          </Group>
          {mayEdit && (
            <Group gap={6}>
              <Button size="compact-sm" variant="subtle" disabled={number === 1} aria-label={`${words.up}: ${name}`} onClick={() => move(-1)}><IconArrowUp size={16} /></Button>
              <Button size="compact-sm" variant="subtle" disabled={isLast} aria-label={`${words.down}: ${name}`} onClick={() => move(1)}><IconArrowDown size={16} /></Button>
              <Button size="compact-sm" variant="subtle" aria-label={`${words.remove}: ${name}`} onClick={remove}><IconTrash size={16} /></Button>
            </Group>
          )}
        </Group>
      </Stack>
    </fieldset>
  );
}
