// When the clock starts it: at times, every so often, or at a time that a record says; and when that is next, as the server reckons.
import { Autocomplete, Group, NumberInput, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { DurationField } from "../../../forms/fields/DurationField";
import { reasonOf } from "../../../api/failure";
import { Moment } from "../../../ui/Moment";
import { api } from "../api";
import classes from "../builder.module.css";
import type { Json, JsonObject, Path } from "../model/json";
import { cronOf, type Pace, paceOf, type Rhythm, rhythmFrom, rhythmOf, WEEKDAYS, withPace } from "../model/starts";
import { texts } from "../texts";

type Props = { config: JsonObject; disabled: boolean; errorAt: (path: Path) => string | undefined; set: (path: Path, value: Json | undefined) => void };

const words = texts.schedule;
const RECORD_TIMES = ["submission.submittedAt", "contact.attributes.renewal_date", "contact.attributes.birthday", "contact.created_at"];
const order = ["label" as const, "input" as const, "description" as const, "error" as const];

/** The zones that the browser knows; typing another one is fine, the server says whether there is one. */
const zones = (): string[] => Intl.supportedValuesOf("timeZone");

function textOf(value: Json | undefined): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

export function SchedulePanel({ config, disabled, errorAt, set }: Props) {
  const pace = paceOf(config);
  const at = (name: string): Path => ["trigger_config", name];
  const setText = (name: string, value: string): void => set(at(name), value.trim() === "" ? undefined : value);
  return (
    <Stack gap="md">
      <SegmentedControl
        fullWidth
        size="xs"
        aria-label={words.pace}
        disabled={disabled}
        value={pace}
        data={(["cron", "every", "relativeTo"] as const).map((value) => ({ value, label: words.paces[value] }))}
        onChange={(next) => set(["trigger_config"], withPace(config, next as Pace))}
      />
      {pace === "cron" && <CronFields cron={textOf(config.cron)} disabled={disabled} error={errorAt(at("cron"))} onChange={(cron) => set(at("cron"), cron)} />}
      {pace === "every" && <DurationField name="every" label={words.every} schema={{}} value={config.every} required error={errorAt(at("every"))} variables={[]} disabled={disabled} onChange={(value) => set(at("every"), value as Json | undefined)} />}
      {pace === "relativeTo" && (
        <>
          <Autocomplete label={words.relativeTo} description={words.relativeToHint} withAsterisk data={RECORD_TIMES} value={textOf(config.relativeTo)} disabled={disabled} error={errorAt(at("relativeTo"))} inputWrapperOrder={order} onChange={(value) => set(at("relativeTo"), value)} />
          <Group grow align="flex-start">
            <TextInput label={words.offset} description={words.offsetHint} value={textOf(config.offset)} disabled={disabled} error={errorAt(at("offset"))} inputWrapperOrder={order} onChange={(event) => setText("offset", event.currentTarget.value)} />
            <TextInput type="time" label={words.at} description={words.atHint} value={textOf(config.at)} disabled={disabled} error={errorAt(at("at"))} inputWrapperOrder={order} onChange={(event) => setText("at", event.currentTarget.value)} />
          </Group>
        </>
      )}
      {pace !== "every" && (
        <Autocomplete label={words.timeZone} description={words.timeZoneHint} data={zones()} limit={30} value={textOf(config.timeZone)} disabled={disabled} error={errorAt(at("timeZone"))} inputWrapperOrder={order} onChange={(value) => setText("timeZone", value)} />
      )}
      {pace !== "relativeTo" && (
        <>
          <Select
            label={words.misfire}
            description={words.misfires[config.misfire === "all" || config.misfire === "skip" ? config.misfire : "once"].hint}
            allowDeselect={false}
            data={(["once", "all", "skip"] as const).map((value) => ({ value, label: words.misfires[value].label }))}
            value={textOf(config.misfire) || "once"}
            disabled={disabled}
            error={errorAt(at("misfire"))}
            inputWrapperOrder={order}
            onChange={(value) => set(at("misfire"), value === "once" || value === null ? undefined : value)}
          />
        </>
      )}
      <Group grow align="flex-start">
        <Moment label={words.startAt} value={textOf(config.startAt)} disabled={disabled} error={errorAt(at("startAt"))} onChange={(value) => set(at("startAt"), value ?? undefined)} />
        <Moment label={words.endAt} value={textOf(config.endAt)} disabled={disabled} error={errorAt(at("endAt"))} onChange={(value) => set(at("endAt"), value ?? undefined)} />
      </Group>
      {pace === "relativeTo" ? (
        <Text size="xs" c="dimmed">
          {words.nextOfRecords}
        </Text>
      ) : (
        <NextTimes config={config} />
      )}
    </Stack>
  );
}

function CronFields({ cron, disabled, error, onChange }: { cron: string; disabled: boolean; error: string | undefined; onChange: (cron: string) => void }) {
  const rhythm = rhythmOf(cron);
  const [isCustom, setCustom] = useState(false);
  const kind: Rhythm["kind"] = isCustom ? "custom" : rhythm.kind;
  const choose = (next: Rhythm["kind"]): void => {
    setCustom(next === "custom");
    if (next !== "custom") onChange(cronOf(rhythmFrom(next, rhythm)));
  };
  return (
    <Stack gap="sm">
      <Select label={words.rhythm} allowDeselect={false} disabled={disabled} value={kind} data={Object.entries(words.rhythms).map(([value, label]) => ({ value, label }))} onChange={(next) => next && choose(next as Rhythm["kind"])} />
      {kind !== "custom" && rhythm.kind !== "custom" && (
        <Group grow align="flex-start">
          {rhythm.kind === "weekly" && <Select label={words.weekday} allowDeselect={false} disabled={disabled} value={String(rhythm.day)} data={WEEKDAYS.map((label, day) => ({ value: String(day), label }))} onChange={(day) => day && onChange(cronOf({ ...rhythm, day: Number(day) }))} />}
          {rhythm.kind === "monthly" && <NumberInput label={words.day} min={1} max={31} allowDecimal={false} disabled={disabled} value={rhythm.day} onChange={(day) => typeof day === "number" && onChange(cronOf({ ...rhythm, day }))} />}
          {rhythm.kind === "hourly" ? (
            <NumberInput label={words.minute} min={0} max={59} allowDecimal={false} disabled={disabled} value={rhythm.minute} onChange={(minute) => typeof minute === "number" && onChange(cronOf({ ...rhythm, minute }))} />
          ) : (
            <TextInput type="time" label={words.time} disabled={disabled} value={rhythm.time} onChange={(event) => event.currentTarget.value !== "" && onChange(cronOf({ ...rhythm, time: event.currentTarget.value }))} />
          )}
        </Group>
      )}
      {kind === "custom" && <TextInput label={words.cron} description={words.cronHint} withAsterisk value={cron} disabled={disabled} inputWrapperOrder={order} styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }} onChange={(event) => onChange(event.currentTarget.value)} />}
      {error && (
        <Text size="xs" c="var(--mantine-color-error)" role="alert">
          {error}
        </Text>
      )}
    </Stack>
  );
}

/** What the server would do: daylight saving and time zones are its business. */
function NextTimes({ config }: { config: JsonObject }) {
  const [asked] = useDebouncedValue(config, 300);
  const times = useQuery({ queryKey: ["builder", "nextTimes", asked], queryFn: () => api.nextTimes(asked), retry: 1, placeholderData: (before) => before });
  const list = times.data?.nextTimes ?? [];
  return (
    <div>
      <Text size="sm" fw={600} mb={4}>
        {words.next}
      </Text>
      {times.error ? (
        <Text size="xs" c="var(--mantine-color-error)" role="alert">
          {words.notKnown} {reasonOf(times.error)}
        </Text>
      ) : list.length === 0 ? (
        <Text size="xs" c="dimmed">
          {times.isPending ? texts.loading : times.data?.valid === false ? words.notSet : words.never}
        </Text>
      ) : (
        <ol className={classes.nextTimes}>
          {list.map((time) => (
            <li key={time}>{new Date(time).toLocaleString(undefined, { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" })}</li>
          ))}
        </ol>
      )}
    </div>
  );
}
