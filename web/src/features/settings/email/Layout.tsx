import { Button, Text } from "@mantine/core";
import type { Field } from "../../../ui/RecordForm";
import classes from "./email.module.css";
import { dressed } from "./dressed";
import { PartForm, type PartProps, textIn } from "../PartForm";
import { Section } from "../Section";
import { texts } from "./texts";

const words = texts.layout;
const NAME = "mail.layout";
const fields: Field[] = [{ name: NAME, label: words.html, kind: "code", hint: words.htmlHint }];

/** What stands around the HTML of every mail. */
export function Layout(part: PartProps) {
  return (
    <Section title={words.title} hint={words.hint}>
      <PartForm
        {...part} fields={fields} initial={{ [NAME]: part.settings.mail?.layout ?? null }}
        bodyOf={(_, all) => ({ mail: { layout: textIn(all, NAME) || null } })}
        below={(values, set) => {
          const layout = textIn(values, NAME);
          if (layout !== "") return <Preview layout={layout} />;
          return part.isAdmin && <Button variant="default" size="xs" onClick={() => set({ [NAME]: words.example })}>{words.begin}</Button>;
        }}
      />
    </Section>
  );
}

function Preview({ layout }: { layout: string }) {
  const html = dressed(layout, words.sample);
  if (html === undefined) return <Text size="sm" c="dimmed">{words.noPlace}</Text>;
  return (
    <>
      <Text size="sm" fw={500} mb={4}>{words.preview}</Text>
      {/* As a mail program shows it: without scripts, without this page's origin. */}
      <iframe sandbox="" srcDoc={html} title={words.preview} className={classes["preview"]} />
    </>
  );
}
