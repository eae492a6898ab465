import type { Field } from "../../../ui/RecordForm";
import { PartForm, type PartProps } from "../PartForm";
import { Section } from "../Section";
import { texts } from "./texts";

const words = texts.attachments;
const NAME = "mail.attachments";
const fields: Field[] = [{ name: NAME, label: words.allowed, kind: "switch" }];

/** Whether steps may send files along. */
export function Attachments(part: PartProps) {
  return (
    <Section title={words.title} hint={words.hint}>
      <PartForm {...part} fields={fields} initial={{ [NAME]: part.settings.mail?.attachments === true }} bodyOf={(_, all) => ({ mail: { attachments: all[NAME] === true } })} />
    </Section>
  );
}
