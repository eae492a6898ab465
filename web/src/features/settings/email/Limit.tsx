import { Link } from "@tanstack/react-router";
import type { Field } from "../../../ui/RecordForm";
import { PartForm, type PartProps, textIn } from "../PartForm";
import { Section } from "../Section";
import { texts } from "./texts";

const words = texts.limit;
/** What holds without a word. */
const USUAL = { mails: 3, period: "1w" };
const MAILS = "mail.marketing_limit.mails";
const PERIOD = "mail.marketing_limit.period";

/** How many marketing mails a contact gets. */
export function Limit(part: PartProps) {
  const limit = part.settings.mail?.marketing_limit ?? USUAL;
  const fields: Field[] = [
    { name: MAILS, label: words.mails, kind: "number", isRequired: true, isHalf: true },
    { name: PERIOD, label: words.period, kind: "duration", isRequired: true, isHalf: true },
  ];
  return (
    <Section title={words.title} hint={<>{words.hint} <Link to="/suppressions">{words.list}</Link></>}>
      <PartForm
        {...part} fields={fields} initial={{ [MAILS]: limit.mails, [PERIOD]: limit.period }}
        bodyOf={(_, all) => ({ mail: { marketing_limit: { mails: Number(all[MAILS] ?? 0), period: textIn(all, PERIOD) } } })}
      />
    </Section>
  );
}
