import { Alert, Button, Group, Loader, Select, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, take, takeData } from "../../api/client";
import { fieldProblems, reasonOf } from "../../api/failure";
import { useAction, useFailure } from "../../ui/useAction";
import { ContactSelect } from "./ContactSelect";
import { texts } from "./texts";

const words = texts.invitations;

type Props = { formId: number | null; contactId: number | null; made: (url: string) => void };

/** Makes a contact's own link to a form. It is sent by whoever asked for it. */
export function InviteForm({ formId, contactId, made }: Props) {
  const [form, setForm] = useState(formId);
  const [contact, setContact] = useState(contactId);
  const [failure, tell] = useFailure();
  // Only a form that takes answers can be asked for.
  const forms = useQuery({ queryKey: ["forms", "open"], queryFn: () => take(api.GET("/api/forms", { params: { query: { isActive: true, limit: 200 } } })) });
  const create = useAction((body: { formId: number; contactId: number }) => takeData(api.POST("/api/invitations", { body })), { touches: ["invitations"], failed: tell });
  const problems = fieldProblems(failure);
  const hasPlace = Object.keys(problems).some((path) => path === "formId" || path === "contactId");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (form === null || contact === null) return;
    tell(null);
    // Without a public address the server names a path only: then it is on this host.
    create.mutate({ formId: form, contactId: contact }, { onSuccess: ({ url }) => made(new URL(url, window.location.origin).href) });
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        {failure !== null && !hasPlace && <Alert color="red" variant="outline" role="alert">{reasonOf(failure)}</Alert>}
        <Select
          label={words.columns.form} description={words.formHint} required searchable error={problems["formId"] ?? (forms.error && reasonOf(forms.error))} value={form === null ? null : String(form)}
          {...(forms.data && { nothingFoundMessage: words.noForm })} {...(forms.isFetching && { rightSection: <Loader size={14} /> })}
          data={forms.data?.data.map(({ id, name }) => ({ value: String(id), label: name })) ?? []} onChange={(id) => setForm(id === null ? null : Number(id))}
        />
        <ContactSelect label={words.columns.contact} hint={words.contactHint} value={contact} error={problems["contactId"]} onChange={setContact} />
        <Group justify="flex-end"><Button type="submit" loading={create.isPending} disabled={form === null || contact === null}>{words.make}</Button></Group>
      </Stack>
    </form>
  );
}
