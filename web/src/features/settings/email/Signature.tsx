import { Button, Group, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { JsonBlock } from "../../../ui/JsonBlock";
import { sayFailure } from "../../../ui/notice";
import type { Field, Values } from "../../../ui/RecordForm";
import { type DnsRecord, hasKeys, newKey, recordName, recordOf } from "./dkim";
import classes from "./email.module.css";
import { PartForm, type PartProps, textIn } from "../PartForm";
import { Section } from "../Section";
import { texts } from "./texts";

const words = texts.signature;
const SIGNS = "signs";
const DOMAIN = "mail.dkim.domain";
const SELECTOR = "mail.dkim.selector";
const KEY = "mail.dkim.private_key";
const signs = (values: Values) => values[SIGNS] === true;

function fieldsOf(hasKey: boolean, isAdmin: boolean): Field[] {
  const fields: Field[] = [
    { name: SIGNS, label: words.signs, kind: "switch" },
    { name: DOMAIN, label: words.domain, placeholder: "example.com", isRequired: true, isHalf: true, isShown: signs },
    { name: SELECTOR, label: words.selector, placeholder: "mail2026", isRequired: true, isHalf: true, isShown: signs },
  ];
  return isAdmin ? [...fields, { name: KEY, label: words.key, kind: "code", hint: hasKey ? words.keySet : words.keyHint, isShown: signs }] : fields;
}

/** DKIM: by which a receiver sees that a mail is of the sender's domain. */
export function Signature(part: PartProps) {
  const { mail, sender } = part.settings;
  const dkim = mail?.dkim;
  // The server gives the key out to nobody: its record can be shown for as long as this screen is open, and no longer.
  const [saved, setSaved] = useState<DnsRecord>();
  // The domain of the sender's address is most often the one that signs.
  const initial: Values = { [SIGNS]: Boolean(dkim), [DOMAIN]: dkim?.domain ?? sender?.email?.split("@")[1] ?? null, [SELECTOR]: dkim?.selector ?? null, [KEY]: null };
  return (
    <Section title={words.title} hint={words.hint}>
      <PartForm
        {...part} fields={fieldsOf(Boolean(dkim), part.isAdmin)} initial={initial}
        bodyOf={(_, all) => {
          const key = textIn(all, KEY);
          return { mail: { dkim: signs(all) ? { domain: textIn(all, DOMAIN), selector: textIn(all, SELECTOR), ...(key && { private_key: key }) } : null } };
        }}
        saved={(all) => void recordOf(textIn(all, DOMAIN), textIn(all, SELECTOR), textIn(all, KEY)).then(setSaved)}
        below={(values, set) => signs(values) && (
          <>
            {part.isAdmin && (hasKeys() ? <MakeKey set={(key) => set({ [KEY]: key })} /> : <Text size="sm" c="dimmed" mb="sm">{words.makeElsewhere}</Text>)}
            <Published domain={textIn(values, DOMAIN)} selector={textIn(values, SELECTOR)} pem={textIn(values, KEY)} saved={saved} />
          </>
        )}
      />
    </Section>
  );
}

function MakeKey({ set }: { set: (pem: string) => void }) {
  const [isBusy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    try {
      set(await newKey());
    } catch (error) {
      sayFailure(error);
    }
    setBusy(false);
  };
  return <Group mb="sm"><Button variant="default" size="xs" loading={isBusy} onClick={() => void make()}>{words.make}</Button></Group>;
}

type PublishedProps = { domain: string; selector: string; pem: string; saved: DnsRecord | undefined };

/** What has to stand in the DNS: the record of the key in the form, else of the one that was just saved, else only where it is looked for. */
function Published({ domain, selector, pem, saved }: PublishedProps) {
  const [found, setFound] = useState<DnsRecord>();
  useEffect(() => {
    let isAsked = true;
    void recordOf(domain, selector, pem).then((record) => isAsked && setFound(record));
    return () => {
      isAsked = false;
    };
  }, [domain, selector, pem]);
  if (domain === "" || selector === "") return null;
  const name = recordName(domain, selector);
  const record = found ?? (pem === "" && saved?.name === name ? saved : undefined);
  if (!record) return <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>{pem === "" ? words.looked(name) : words.unknown(name)}</Text>;
  return (
    <section aria-label={words.record}>
      <Text size="sm" fw={500}>{words.record}</Text>
      <Text size="sm" c="dimmed" mb="xs">{words.recordHint}</Text>
      <dl className={classes["record"]}>
        <div><dt>{words.recordName}</dt><dd><JsonBlock value={record.name} label={words.recordName} /></dd></div>
        <div><dt>{words.recordValue}</dt><dd><JsonBlock value={record.value} label={words.recordValue} /></dd></div>
      </dl>
    </section>
  );
}
