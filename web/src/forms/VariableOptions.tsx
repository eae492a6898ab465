import { Combobox, Group, Text } from "@mantine/core";
import { texts } from "./texts";
import { matching, sampleText, type Variable } from "./variables";
import classes from "./forms.module.css";

/** More would only be scrolled past; the search finds the rest. */
const SHOWN = 80;

/** The options of a variable list, under the headings of where they come from. */
export function VariableOptions({ variables, query }: { variables: readonly Variable[]; query: string }) {
  const found = matching(variables, query).slice(0, SHOWN);
  const groups = [...new Set(found.map(({ group }) => group))];
  return (
    <Combobox.Options className={classes.options}>
      {found.length === 0 && <Combobox.Empty>{texts.noVariable}</Combobox.Empty>}
      {groups.map((group) => (
        <Combobox.Group label={group} key={group}>
          {found
            .filter((variable) => variable.group === group)
            .map((variable) => (
              <Combobox.Option value={variable.path} key={variable.path}>
                <Group justify="space-between" wrap="nowrap" gap="xs">
                  <Text size="sm" truncate>
                    {variable.label}
                  </Text>
                  <Text size="xs" c="dimmed" className={classes.type}>
                    {variable.type.replaceAll("_", " ")}
                  </Text>
                </Group>
                <Text size="xs" c="dimmed" truncate>
                  <span className={classes.path}>{variable.path}</span>
                  {sampleText(variable.sample) && ` · ${sampleText(variable.sample)}`}
                </Text>
              </Combobox.Option>
            ))}
        </Combobox.Group>
      ))}
    </Combobox.Options>
  );
}
