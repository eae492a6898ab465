import { ActionIcon, Menu } from "@mantine/core";
import { IconArchive, IconCopy, IconDots, IconDownload, IconHistory, IconListCheck, IconPlayerPause, IconPlayerPlay, IconPlayerTrackNext, IconPower, IconStack2 } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";
import { api, type Schema, take, takeData } from "../../api/client";
import { definitionOf } from "../../api/definition";
import { useMay } from "../../api/session";
import { useConfirm } from "../../ui/confirm";
import { sayFailure } from "../../ui/notice";
import { useAction } from "../../ui/useAction";
import { exportFile } from "./files";
import { RunDialog } from "./RunDialog";
import { texts } from "./texts";
import { MenuItemLink } from "../../ui/links";

const StartDialog = lazy(() => import("../jobs").then((jobs) => ({ default: jobs.StartDialog })));

const touches = ["workflows", "overview"];

export function WorkflowMenu({ workflow }: { workflow: Schema<"Workflow"> }) {
  const mayEdit = useMay("editor");
  const { dialog, confirm } = useConfirm();
  const path = { params: { path: { id: workflow.id } } };
  const turnOn = useAction(() => takeData(api.POST("/api/workflows/{id}/activate", path)), { touches, done: texts.turnedOn });
  const turnOff = useAction(() => takeData(api.POST("/api/workflows/{id}/deactivate", path)), { touches, done: texts.turnedOff });
  const archive = useAction(() => take(api.DELETE("/api/workflows/{id}", path)), { touches, done: texts.archived });
  const duplicate = useAction(() => duplicated(workflow.id), { touches, done: texts.duplicated });
  const [isRunOpen, setRunOpen] = useState(false);
  const [isManyOpen, setManyOpen] = useState(false);
  const words = texts.menu;
  return (
    <>
      {dialog}
      <RunDialog workflow={workflow} isOpen={isRunOpen} close={() => setRunOpen(false)} />
      {isManyOpen && <Suspense><StartDialog workflow={workflow} isOpen close={() => setManyOpen(false)} /></Suspense>}
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={words.label(workflow.name)}><IconDots size={18} /></ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <MenuItemLink to="/executions" search={{ workflowId: String(workflow.id) }} leftSection={<IconPlayerPlay size={16} />}>{words.runs}</MenuItemLink>
          {workflow.published_version > 0 && <MenuItemLink to="/workflows/$workflowId/versions" params={{ workflowId: String(workflow.id) }} leftSection={<IconHistory size={16} />}>{words.versions}</MenuItemLink>}
          <MenuItemLink to="/jobs" search={{ workflowId: String(workflow.id) }} leftSection={<IconListCheck size={16} />}>{words.jobs}</MenuItemLink>
          <Menu.Item leftSection={<IconDownload size={16} />} onClick={() => void exportFile(workflow).catch(sayFailure)}>{words.export}</Menu.Item>
          {mayEdit && !workflow.archived_at && (
            <>
              {workflow.published_version > 0 && <Menu.Item leftSection={<IconPlayerTrackNext size={16} />} onClick={() => setRunOpen(true)}>{words.run}</Menu.Item>}
              {workflow.published_version > 0 && <Menu.Item leftSection={<IconStack2 size={16} />} onClick={() => setManyOpen(true)}>{words.runMany}</Menu.Item>}
              {workflow.is_active
                ? <Menu.Item leftSection={<IconPlayerPause size={16} />} onClick={() => turnOff.mutate(undefined)}>{words.turnOff}</Menu.Item>
                : <Menu.Item leftSection={<IconPower size={16} />} onClick={() => turnOn.mutate(undefined)}>{words.turnOn}</Menu.Item>}
              <Menu.Item leftSection={<IconCopy size={16} />} onClick={() => duplicate.mutate(undefined)}>{words.duplicate}</Menu.Item>
              <Menu.Divider />
              <Menu.Item leftSection={<IconArchive size={16} />} onClick={() => confirm(texts.archiveConfirm(workflow.name), () => archive.mutate(undefined))}>{words.archive}</Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

/** Another workflow with everything that this one has: its draft where there is one, for that is what is shown. Kept as a draft, so that nothing of it is refused. */
async function duplicated(id: number): Promise<Schema<"Workflow">> {
  const original = await takeData(api.GET("/api/workflows/{id}", { params: { path: { id } } }));
  const definition = definitionOf(original) as Schema<"WorkflowFields">;
  return takeData(api.POST("/api/workflows", { params: { query: { draft: true } }, body: { ...definition, name: texts.copyOf(definition.name) } }));
}
