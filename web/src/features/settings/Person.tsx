import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Schema, takeData } from "../../api/client";
import { OpenRecord, type useOpenRecord } from "../../ui/OpenRecord";
import { type Field, RecordForm, toldByForm, type Values } from "../../ui/RecordForm";
import { useAction } from "../../ui/useAction";
import { awayChange, awayFields, awayValues, withoutAway } from "./away";
import { texts } from "./texts";

type User = Schema<"User">;

const fields: Field[] = [{ name: "name", label: texts.account.name }, { name: "time_zone", label: texts.account.timeZone, hint: texts.account.timeZoneHint }, ...awayFields];

/** What an administrator changes of a person: also that they are away, when they have not said so themselves. */
export function OpenedPerson({ id, close }: ReturnType<typeof useOpenRecord>) {
  const query = useQuery({ queryKey: ["users", "one", id], enabled: id !== undefined, queryFn: () => takeData(api.GET("/api/users/{id}", { params: { path: { id: id ?? 0 } } })) });
  return (
    <OpenRecord title={query.data?.name ?? query.data?.email ?? texts.people.one} isOpen={id !== undefined} close={close} query={query}>
      {(user) => <PersonForm key={`${user.version} ${JSON.stringify(user.away)}`} user={user} />}
    </OpenRecord>
  );
}

function PersonForm({ user }: { user: User }) {
  const [openedAt] = useState(Date.now);
  const initial: Values = { name: user.name ?? null, time_zone: user.time_zone ?? null, ...awayValues(user.away, openedAt) };
  // Whoever changes themselves here is somebody else in the rest of the app from then on.
  const save = useAction((body: Schema<"UserChanges">) => takeData(api.PATCH("/api/users/{id}", { params: { path: { id: user.id } }, body })), { touches: ["users", "session"], done: texts.saved, failed: toldByForm });
  return <RecordForm fields={fields} initial={initial} save={(changed) => save.mutateAsync({ ...withoutAway(changed), ...awayChange(changed, { ...initial, ...changed }), version: user.version })} />;
}
