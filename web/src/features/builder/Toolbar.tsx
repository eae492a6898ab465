// The bar above the canvas: the name, whether it is saved, undo, what can be opened, and publishing.
import { ActionIcon, Button, Group, Menu, Popover, Stack, Switch, Text, Textarea, TextInput, Tooltip } from "@mantine/core";
import { IconArrowBackUp, IconArrowForwardUp, IconChevronDown, IconDots, IconHistory, IconKeyboard, IconList, IconPlayerPlay, IconSitemap } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import type { WorkflowRecord } from "./api";
import classes from "./builder.module.css";
import { setValue } from "./model/operations";
import { useBuilder } from "./state";
import { texts } from "./texts";
import type { Saving } from "./useDraft";

type Props = {
  record: WorkflowRecord;
  saving: Saving;
  view: "canvas" | "list";
  back?: ReactNode;
  publishOpen: boolean;
  busy: boolean;
  onPublishOpen: (open: boolean) => void;
  onPublish: (note: string, switchOn: boolean) => void;
  onActive: (active: boolean) => void;
  onView: () => void;
  onShortcuts: () => void;
  onRetry: () => void;
};

function savingText(saving: Saving, record: WorkflowRecord): string {
  if (saving === "saving") return texts.saving;
  if (saving !== "saved") return texts.unsaved;
  return record.has_draft ? texts.saved : texts.upToDate(record.published_version);
}

export function Toolbar({ record, saving, view, back, publishOpen, busy, onPublishOpen, onPublish, onActive, onView, onShortcuts }: Props) {
  const { definition, edit, dispatch, state, mayEdit, problems } = useBuilder();
  const [note, setNote] = useState("");
  const undoable = state.history.done.at(-1);
  const redoable = state.history.undone.at(-1);
  const publish = (switchOn: boolean): void => {
    onPublish(note.trim(), switchOn);
    setNote("");
  };
  return (
    <header className={classes.bar}>
      {back}
      <TextInput className={classes.name} aria-label={texts.name} value={definition.name} disabled={!mayEdit} error={definition.name === ""} onChange={(event) => edit(texts.edits.change, setValue(definition, ["name"], event.currentTarget.value))} />
      <Text size="xs" c="dimmed" className={classes.wide} role="status" style={{ whiteSpace: "nowrap" }}>
        {savingText(saving, record)}
      </Text>
      <div className={classes.spacer} />
      {mayEdit && (
        <Group gap={2} wrap="nowrap">
          <Tooltip label={undoable ? `${texts.undo}: ${undoable.label}` : texts.undo}>
            <ActionIcon variant="subtle" color="gray" aria-label={texts.undo} disabled={!undoable} onClick={() => dispatch({ type: "undo" })}>
              <IconArrowBackUp size={18} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label={redoable ? `${texts.redo}: ${redoable.label}` : texts.redo}>
            <ActionIcon variant="subtle" color="gray" aria-label={texts.redo} disabled={!redoable} onClick={() => dispatch({ type: "redo" })}>
              <IconArrowForwardUp size={18} />
            </ActionIcon>
          </Tooltip>
        </Group>
      )}
      <Group gap={2} wrap="nowrap" className={classes.wide}>
        <Tooltip label={view === "canvas" ? texts.list : texts.canvas}>
          <ActionIcon variant="subtle" color="gray" aria-label={view === "canvas" ? texts.list : texts.canvas} onClick={onView}>
            {view === "canvas" ? <IconList size={18} /> : <IconSitemap size={18} />}
          </ActionIcon>
        </Tooltip>
        <Tooltip label={texts.history}>
          <ActionIcon variant="subtle" color="gray" aria-label={texts.history} aria-pressed={state.panelOpen && state.panel === "history"} onClick={() => dispatch({ type: "panel", panel: "history" })}>
            <IconHistory size={18} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={texts.shortcuts}>
          <ActionIcon variant="subtle" color="gray" aria-label={texts.shortcuts} onClick={onShortcuts}>
            <IconKeyboard size={18} />
          </ActionIcon>
        </Tooltip>
      </Group>
      <Button size="xs" variant="default" className={classes.wide} style={{ flexShrink: 0 }} leftSection={<IconPlayerPlay size={14} />} aria-pressed={state.panelOpen && state.panel === "test"} onClick={() => dispatch({ type: "panel", panel: "test" })}>
        {texts.test}
      </Button>
      {record.published_version > 0 && (
        <Switch className={classes.wide} size="sm" label={texts.switchOn} checked={record.is_active} disabled={!mayEdit || busy} onChange={(event) => onActive(event.currentTarget.checked)} />
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon className={classes.narrow} variant="subtle" color="gray" aria-label={texts.more}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={onView}>{view === "canvas" ? texts.list : texts.canvas}</Menu.Item>
          <Menu.Item onClick={() => dispatch({ type: "panel", panel: "test" })}>{texts.test}</Menu.Item>
          <Menu.Item onClick={() => dispatch({ type: "panel", panel: "history" })}>{texts.history}</Menu.Item>
          {record.published_version > 0 && mayEdit && <Menu.Item onClick={() => onActive(!record.is_active)}>{record.is_active ? texts.switchOff : texts.switchStepOn}</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      {mayEdit && (
        <Popover opened={publishOpen} onChange={onPublishOpen} position="bottom-end" width={320} trapFocus withRoles returnFocus>
          <Popover.Target>
            <Button size="xs" style={{ flexShrink: 0 }} loading={busy} disabled={!record.has_draft && saving === "saved"} rightSection={<IconChevronDown size={14} />} onClick={() => onPublishOpen(!publishOpen)}>
              {texts.publish}
            </Button>
          </Popover.Target>
          <Popover.Dropdown>
            <Stack gap="sm">
              {problems.length > 0 ? (
                <Text size="sm" c="var(--mantine-color-error)">
                  {texts.problem(problems.length)}: {problems[0]?.message}
                </Text>
              ) : (
                <Text size="sm" c="dimmed">
                  {texts.publishHint}
                </Text>
              )}
              <Textarea label={texts.publishNote} autosize minRows={2} value={note} data-autofocus onChange={(event) => setNote(event.currentTarget.value)} />
              <Group gap="xs" justify="flex-end">
                {!record.is_active && (
                  <Button size="xs" variant="default" disabled={problems.length > 0} onClick={() => publish(false)}>
                    {texts.publish}
                  </Button>
                )}
                <Button size="xs" disabled={problems.length > 0} onClick={() => publish(true)}>
                  {record.is_active ? texts.publish : texts.publishAndOn}
                </Button>
              </Group>
            </Stack>
          </Popover.Dropdown>
        </Popover>
      )}
    </header>
  );
}
