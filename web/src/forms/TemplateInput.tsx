import { Combobox, Textarea, TextInput, useCombobox } from "@mantine/core";
import { type ReactNode, useRef, useState } from "react";
import { VariableButton } from "./VariableButton";
import { VariableOptions } from "./VariableOptions";
import { openTemplate, type Variable, withVariable } from "./variables";

type Props = {
  label?: ReactNode;
  /** What the field is called where its label is not seen. */
  name: string;
  description?: ReactNode;
  error?: ReactNode;
  required?: boolean;
  multiline?: boolean;
  monospace?: boolean;
  placeholder?: string;
  value: string;
  variables: readonly Variable[];
  disabled?: boolean;
  onChange: (value: string) => void;
};

/** Text in which variables can stand: typing `{{` offers them, and so does the button. */
export function TemplateInput({ label, name, description, error, required, multiline, monospace, placeholder, value, variables, disabled, onChange }: Props) {
  const element = useRef<HTMLInputElement & HTMLTextAreaElement>(null);
  const [query, setQuery] = useState("");
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });

  const look = (input: HTMLInputElement | HTMLTextAreaElement): void => {
    const open = openTemplate(input.value, input.selectionStart ?? input.value.length);
    if (!open || disabled) return combobox.closeDropdown();
    setQuery(open.query);
    combobox.openDropdown();
    combobox.updateSelectedOptionIndex();
    requestAnimationFrame(() => combobox.selectFirstOption());
  };

  const insert = (path: string): void => {
    const input = element.current;
    const selection = { start: input?.selectionStart ?? value.length, end: input?.selectionEnd ?? value.length };
    const literal = variables.find((variable) => variable.path === path)?.literal === true;
    const next = literal ? { text: path, cursor: path.length } : withVariable(value, selection, path);
    onChange(next.text);
    combobox.closeDropdown();
    // The cursor goes behind it once the field shows the new text.
    requestAnimationFrame(() => {
      input?.focus();
      input?.setSelectionRange(next.cursor, next.cursor);
    });
  };

  const shared = {
    ref: element,
    label,
    "aria-label": label ? undefined : name,
    description,
    error,
    withAsterisk: required ?? false,
    "aria-required": required ?? false,
    placeholder,
    value,
    disabled,
    inputWrapperOrder: ["label" as const, "input" as const, "description" as const, "error" as const],
    styles: monospace ? { input: { fontFamily: "var(--mantine-font-family-monospace)" } } : {},
    onChange: (event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => {
      onChange(event.currentTarget.value);
      look(event.currentTarget);
    },
    onBlur: () => combobox.closeDropdown(),
    rightSection: disabled ? null : <VariableButton field={name} variables={variables} onPick={insert} />,
  };

  return (
    <Combobox store={combobox} onOptionSubmit={insert} withinPortal>
      <Combobox.Target withAriaAttributes={combobox.dropdownOpened}>
        {multiline ? (
          <Textarea {...shared} autosize minRows={3} maxRows={12} rightSectionProps={{ style: { alignItems: "flex-start", paddingTop: 6 } }} />
        ) : (
          <TextInput {...shared} />
        )}
      </Combobox.Target>
      <Combobox.Dropdown hidden={!combobox.dropdownOpened}>
        <VariableOptions variables={variables} query={query} />
      </Combobox.Dropdown>
    </Combobox>
  );
}
