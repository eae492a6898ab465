import { Button, Group, Text, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Schema, takeData } from "../../../api/client";
import { useConfirm } from "../../../ui/confirm";
import { type Field, RecordForm, toldByForm } from "../../../ui/RecordForm";
import { useAction } from "../../../ui/useAction";
import { texts } from "./texts";

const words = texts.reports.signed;
const signers = ["mailgun", "sendgrid"] as const;

type Props = { kept: Schema<"ReportAddress">["signers"]; queryKey: string[] };

/** With what services sign their reports. The keys are given to the server and never come back: only whether there is one is known. */
export function SignedReports({ kept, queryKey }: Props) {
  const client = useQueryClient();
  const { dialog, confirm } = useConfirm();
  const [saves, setSaves] = useState(0);
  const write = (body: Schema<"ReportKeys">) => takeData(api.PATCH("/api/email-reports", { body }));
  const taken = (given: Schema<"ReportAddress">) => {
    client.setQueryData(queryKey, given);
    setSaves((before) => before + 1);
  };
  const save = useAction(write, { touches: [], done: words.saved, failed: toldByForm });
  const drop = useAction(write, { touches: [], done: words.dropped });
  const fields = signers.map((name): Field => ({ name, label: words.keys[name], kind: "password", hint: kept.includes(name) ? words.isKept : words.hints[name] }));
  return (
    <>
      {dialog}
      <Title order={3} size="sm" mt="lg" mb={4}>{words.title}</Title>
      <Text size="sm" c="dimmed" mb="sm">{kept.length === 0 ? words.none : words.only(kept.map((name) => words.names[name]))}</Text>
      <RecordForm key={saves} fields={fields} initial={{}} action={words.save} save={async (keys) => taken(await save.mutateAsync(keys as Schema<"ReportKeys">))} />
      {kept.length > 0 && (
        <Group gap="xs" mt="sm">
          {kept.map((name) => (
            <Button key={name} variant="default" size="xs" loading={drop.isPending} onClick={() => confirm(words.dropConfirm(words.names[name], kept.length === 1), () => drop.mutate({ [name]: null }, { onSuccess: taken }))}>{words.drop(words.names[name])}</Button>
          ))}
        </Group>
      )}
    </>
  );
}
