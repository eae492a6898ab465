import { Alert, Button, Group, Modal, NumberInput, SegmentedControl, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { fieldProblems, reasonOf } from "../../api/failure";
import { useAction, useFailure } from "../../ui/useAction";
import { type Filter, filtersOf, type Source, tidied } from "./filter";
import { Preview } from "./Preview";
import { texts } from "./texts";

const words = texts.start;

type Kind = "backfill" | "run";
type Workflow = { id: number; name: string; trigger_event: string; trigger_config: Record<string, unknown> };
type Props = { workflow: Workflow; isOpen: boolean; close: () => void };

/** A workflow for many records: which ones, what it would do, and only then the start. */
export function StartDialog({ workflow, isOpen, close }: Props) {
  return (
    <Modal opened={isOpen} onClose={close} title={<Text fw={600}>{words.title(workflow.name)}</Text>} size="lg">
      {isOpen && <Choosing workflow={workflow} close={close} />}
    </Modal>
  );
}

/** What the trigger speaks of is what one most likely means. */
function usual({ trigger_event: event, trigger_config: config }: Workflow): { source: Source; filter: Filter } {
  const formId = config["formId"];
  return { source: event.startsWith("contact_") ? "contacts" : "submissions", filter: typeof formId === "number" ? { formId } : {} };
}

function Choosing({ workflow, close }: Omit<Props, "isOpen">) {
  const navigate = useNavigate();
  const [kind, setKind] = useState<Kind>("backfill");
  const [source, setSource] = useState<Source>(() => usual(workflow).source);
  const [filter, setFilter] = useState<Filter>(() => usual(workflow).filter);
  const [rate, setRate] = useState(50);
  const [preview, setPreview] = useState<Schema<"JobPreview">>();
  const [failure, tell] = useFailure();
  const path = { params: { path: { id: workflow.id } } };
  const chosen = { source, filter: tidied(filter, source) };
  const look = useAction(() => previewOf(workflow.id, chosen), { touches: [], failed: tell });
  const start = useAction(async () => {
    if (kind === "backfill") await take(api.POST("/api/workflows/{id}/backfill", { ...path, body: { ...chosen, rate } }));
    else await takeData(api.POST("/api/workflows/{id}/run", { ...path, body: { ...chosen, rate } }));
  }, { touches: ["jobs", "executions", "overview"], done: words.started, failed: tell });
  const problems = fieldProblems(failure);
  if (preview) {
    // A backfill passes over what was taken before; as far as it was looked at, that is known.
    const count = kind === "run" ? preview.total : preview.total - preview.verdicts.taken_before;
    return (
      <Stack>
        <Failure failure={failure} />
        <Preview preview={preview} source={source} takesAgain={kind === "run"} rate={rate} />
        <Group justify="space-between" gap="xs">
          <Button variant="subtle" color="gray" onClick={() => setPreview(undefined)}>{words.back}</Button>
          <Button
            data-autofocus disabled={count === 0} loading={start.isPending}
            onClick={() => start.mutate(undefined, { onSuccess: () => { close(); void navigate({ to: "/jobs", search: { workflowId: String(workflow.id) } }); } })}
          >
            {words.go(count)}
          </Button>
        </Group>
      </Stack>
    );
  }
  return (
    <Stack>
      <Failure failure={failure} />
      <div>
        <SegmentedControl fullWidth size="xs" aria-label={words.kind} value={kind} onChange={(next) => setKind(next as Kind)} data={(["backfill", "run"] as const).map((value) => ({ value, label: words[value].label }))} />
        <Text size="xs" c="dimmed" mt={6}>{words[kind].hint}</Text>
      </div>
      <Select label={words.source} allowDeselect={false} value={source} data={Object.entries(texts.sources).map(([value, label]) => ({ value, label }))} onChange={(next) => next && setSource(next as Source)} />
      <Filters source={source} filter={filter} set={(changes) => setFilter({ ...filter, ...changes })} problems={problems} />
      <NumberInput label={words.rate} min={1} max={1000} allowDecimal={false} value={rate} error={problems["rate"]} onChange={(next) => typeof next === "number" && setRate(next)} maw={200} />
      <Group justify="flex-end">
        <Button loading={look.isPending} onClick={() => { tell(null); look.mutate(undefined, { onSuccess: setPreview }); }}>{words.look}</Button>
      </Group>
    </Stack>
  );
}

/** What it would do. The same address answers with a job when it is meant. */
async function previewOf(id: number, chosen: { source: Source; filter: Filter }): Promise<Schema<"JobPreview">> {
  const { data } = await take(api.POST("/api/workflows/{id}/backfill", { params: { path: { id } }, body: { ...chosen, dryRun: true } }));
  if (!("verdicts" in data)) throw new Error(words.noPreview);
  return data;
}

function Failure({ failure }: { failure: unknown }) {
  return failure === null ? null : <Alert color="red" variant="outline" role="alert">{reasonOf(failure)}</Alert>;
}

function Filters({ source, filter, set, problems }: { source: Source; filter: Filter; set: (changes: Filter) => void; problems: Record<string, string> }) {
  const forms = useQuery({ queryKey: ["forms", "names"], queryFn: () => take(api.GET("/api/forms", { params: { query: { limit: 200 } } })) });
  const has = (name: keyof Filter) => filtersOf[source].includes(name);
  const own = texts.filter;
  const text = (name: "tag" | "segment", label: string) => has(name) && <TextInput label={label} value={filter[name] ?? ""} error={problems[`filter.${name}`]} onChange={(event) => set({ [name]: event.currentTarget.value })} />;
  const day = (name: "from" | "until", label: string) => <TextInput type="date" label={label} value={filter[name] ?? ""} error={problems[`filter.${name}`]} onChange={(event) => set({ [name]: event.currentTarget.value })} />;
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
      {has("formId") && <Select label={own.form} placeholder={own.formAny} clearable searchable data={forms.data?.data.map(({ id, name }) => ({ value: String(id), label: name })) ?? []} value={filter.formId ? String(filter.formId) : null} error={problems["filter.formId"]} onChange={(id) => set({ formId: id === null ? null : Number(id) })} />}
      <NumberInput label={own.contact} placeholder={own.contactHint} hideControls allowDecimal={false} min={1} value={filter.contactId ?? ""} error={problems["filter.contactId"]} onChange={(id) => set({ contactId: typeof id === "number" ? id : null })} />
      {text("segment", own.segment)}
      {day("from", own.from)}
      {day("until", own.until)}
      {text("tag", own.tag)}
    </SimpleGrid>
  );
}
