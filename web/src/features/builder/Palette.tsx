// The palette: what can be added, searched by typing, picked by mouse, keyboard or drag.
import { Button, Modal, Text, TextInput } from "@mantine/core";
import { IconClipboard, IconSearch } from "@tabler/icons-react";
import { type KeyboardEvent, useId, useState } from "react";
import { DRAGGED_ACTION } from "./canvas/context";
import { iconOf } from "./canvas/icons";
import { type ActionInfo, grouped, search } from "./model/catalogue";
import { texts } from "./texts";
import classes from "./builder.module.css";

type ListProps = { actions: readonly ActionInfo[]; onPick: (action: ActionInfo) => void; draggable?: boolean; onDragStart?: () => void; onDragEnd?: () => void; autoFocus?: boolean };

export function PaletteList({ actions, onPick, draggable = false, onDragStart, onDragEnd, autoFocus = false }: ListProps) {
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const id = useId();
  const found = search(actions, text);
  const groups = text.trim() === "" ? grouped(found) : [{ group: "", actions: found }];
  const order = groups.flatMap((group) => group.actions);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = (active + (event.key === "ArrowDown" ? 1 : -1) + order.length) % Math.max(order.length, 1);
      setActive(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      const action = order[active];
      if (action) onPick(action);
    }
  };
  return (
    <>
      <TextInput
        placeholder={texts.searchSteps}
        aria-label={texts.searchSteps}
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={order.length > 0 ? `${id}-${active}` : undefined}
        leftSection={<IconSearch size={16} />}
        value={text}
        data-autofocus={autoFocus || undefined}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id={id} role="listbox" aria-label={texts.steps} tabIndex={0} className={classes.paletteList} onKeyDown={onKeyDown}>
          {order.length === 0 && (
            <Text size="sm" c="dimmed" p="sm">
              {texts.noStep}
            </Text>
          )}
          {groups.map(({ group, actions: members }) => (
            <div key={group} role="group" aria-label={group || texts.steps}>
              {group && <div className={classes.paletteGroup}>{group}</div>}
              {members.map((action) => {
                const index = order.indexOf(action);
                const Icon = iconOf(action.icon, action.name);
                return (
                  <div
                    key={action.name}
                    id={`${id}-${index}`}
                    role="option"
                    aria-selected={index === active}
                    className={classes.paletteItem}
                    data-active={(index === active && (autoFocus || text !== "")) || undefined}
                    data-action={action.name}
                    title={action.description}
                    draggable={draggable}
                    onDragStart={(event) => {
                      event.dataTransfer.setData(DRAGGED_ACTION, action.name);
                      event.dataTransfer.effectAllowed = "copy";
                      onDragStart?.();
                    }}
                    onDragEnd={() => onDragEnd?.()}
                    onMouseEnter={() => setActive(index)}
                    onClick={() => onPick(action)}
                  >
                    <span className={classes.paletteIcon}>
                      <Icon size={17} />
                    </span>
                    <span className={classes.paletteWords}>
                      <Text size="sm" fw={500} component="span" display="block">
                        {action.title}
                      </Text>
                      {autoFocus && (
                        <Text size="xs" c="dimmed" component="span" display="block" lineClamp={1}>
                          {action.description}
                        </Text>
                      )}
                    </span>
                  </div>
                );
              })}
            </div>
          ))}
      </div>
    </>
  );
}

export function PaletteDialog({ opened, onClose, actions, onPick, onPaste }: { opened: boolean; onClose: () => void; actions: readonly ActionInfo[]; onPick: (action: ActionInfo) => void; onPaste: (() => void) | undefined }) {
  return (
    <Modal opened={opened} onClose={onClose} title={texts.palette} size="md" returnFocus={false} closeButtonProps={{ "aria-label": texts.close }} transitionProps={{ duration: 80 }}>
      <PaletteList actions={actions} onPick={onPick} autoFocus />
      {onPaste && (
        <Button variant="default" size="xs" mt="sm" leftSection={<IconClipboard size={14} />} onClick={onPaste}>
          {texts.pasteHere}
        </Button>
      )}
    </Modal>
  );
}
