import { ActionIcon, Combobox, Tooltip, useCombobox } from "@mantine/core";
import { IconBraces } from "@tabler/icons-react";
import { useState } from "react";
import { texts } from "./texts";
import { VariableOptions } from "./VariableOptions";
import type { Variable } from "./variables";

/** Opens the list of variables with a search of its own. */
export function VariableButton({ field, variables, onPick }: { field: string; variables: readonly Variable[]; onPick: (variable: string) => void }) {
  const [query, setQuery] = useState("");
  const combobox = useCombobox({
    onDropdownClose: () => setQuery(""),
    onDropdownOpen: () => combobox.focusSearchInput(),
  });
  return (
    <Combobox
      store={combobox}
      width={300}
      position="bottom-end"
      withinPortal
      onOptionSubmit={(path) => {
        combobox.closeDropdown();
        onPick(path);
      }}
    >
      <Combobox.Target withAriaAttributes={false}>
        <Tooltip label={texts.insertVariable(field)} openDelay={500}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={texts.insertVariable(field)}
            aria-haspopup="listbox"
            aria-expanded={combobox.dropdownOpened}
            onClick={() => combobox.toggleDropdown()}
          >
            <IconBraces size={16} />
          </ActionIcon>
        </Tooltip>
      </Combobox.Target>
      <Combobox.Dropdown>
        <Combobox.Search
          value={query}
          placeholder={texts.searchVariables}
          aria-label={texts.searchVariables}
          onChange={(event) => {
            setQuery(event.currentTarget.value);
            combobox.updateSelectedOptionIndex();
            combobox.selectFirstOption();
          }}
        />
        <VariableOptions variables={variables} query={query} />
      </Combobox.Dropdown>
    </Combobox>
  );
}
