// One workflow being edited: brings the state, the draft, the canvas, the panels and the keys together.
import { Button, Kbd, Modal, VisuallyHidden } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useMemo, useReducer, useRef, useState } from "react";
import { reasonOf } from "../../api/failure";
import { api, ApiFailure, type WorkflowRecord } from "./api";
import classes from "./builder.module.css";
import { DRAGGED_ACTION, DRAGGED_STEPS, type StepStatus } from "./canvas/context";
import { type CanvasView, WorkflowCanvas } from "./canvas/WorkflowCanvas";
import { copySteps, pastedSteps } from "./clipboard";
import { ConflictDialog } from "./ConflictDialog";
import { ListView } from "./ListView";
import { type ActionInfo, newStep } from "./model/catalogue";
import type { OperatorInfo } from "./model/conditions";
import { type Definition, definitionOf } from "./model/definition";
import type { Edit } from "./model/edit";
import { nodeIdOf } from "./model/graph";
import { isObject } from "./model/json";
import { placeOf, places } from "./model/lists";
import { chosen, copiesFor, duplicateSteps, type Gap, insertSteps, moveSteps, nudgeStep, pasteSteps, removeSteps, replaceAll, setOfSteps } from "./model/operations";
import { place as placeProblems } from "./model/problems";
import { type Known, nameIn, variablesAt } from "./model/variables";
import { PaletteDialog, PaletteList } from "./Palette";
import { SidePanel } from "./SidePanel";
import { beginning, type BuilderContext, BuilderContextProvider, reduce, selectedIds, type Selection } from "./state";
import { texts } from "./texts";
import { Toolbar } from "./Toolbar";
import { useDraft } from "./useDraft";
import { type Command, useKeys } from "./useKeys";

type Props = { first: WorkflowRecord; actions: readonly ActionInfo[]; operators: readonly OperatorInfo[]; mayEdit: boolean; back: ReactNode };

/** How long a short message stays, in milliseconds. */
const TOLD_FOR = 4_000;
const NOBODY: never[] = [];

/** Into the panel that was just opened: its first field, else its first button. */
function focusPanel(): void {
  const body = document.querySelector("[data-panel-body]");
  const first = body?.querySelector<HTMLElement>("input:not([type=checkbox]):not([type=radio]), textarea") ?? body?.querySelector<HTMLElement>("button");
  first?.focus();
}

function useKnown(workflowId: number, definition: Definition): { known: Known; forms: BuilderContext["forms"] } {
  const formId = definition.trigger_config?.formId;
  const forms = useQuery({ queryKey: ["builder", "forms"], queryFn: api.forms });
  const executions = useQuery({ queryKey: ["builder", "executions", workflowId], queryFn: () => api.executions(workflowId) });
  const submissions = useQuery({
    queryKey: ["builder", "submissions", formId],
    queryFn: () => api.submissions(typeof formId === "number" ? formId : undefined),
    enabled: definition.trigger_event === "submission_completed",
  });
  const known = useMemo((): Known => {
    const all = forms.data ?? [];
    const form = all.find(({ id }) => id === formId);
    // Without a form, the questions of all of them are offered, each key once.
    const questions = form ? form.questions : [...new Map(all.flatMap((item) => item.questions).map((question) => [question.key, question])).values()];
    const last = executions.data?.find(({ trigger_event, trigger_data }) => trigger_event === definition.trigger_event && (formId === undefined || trigger_data.formId === formId));
    const results = executions.data?.flatMap(({ result }) => (Array.isArray(result?.actionResults) ? result.actionResults : [])) ?? [];
    const outputs: Record<string, NonNullable<Known["triggerData"]>> = {};
    for (const result of results) if (isObject(result) && typeof result.stepId === "string" && isObject(result.output)) outputs[result.stepId] ??= result.output;
    const submission = submissions.data?.[0];
    const triggerData = last?.trigger_data ?? (submission ? { formId: submission.form_id, submission: { id: submission.id, formId: submission.form_id, contactId: submission.contact_id, data: submission.data, submittedAt: submission.submitted_at } } : undefined);
    return { questions, outputs, ...(triggerData ? { triggerData } : {}) };
  }, [forms.data, executions.data, submissions.data, formId, definition.trigger_event]);
  return { known, forms: forms.data ?? NOBODY };
}

export function Editor({ first, actions, operators, mayEdit, back }: Props) {
  const [state, dispatch] = useReducer(reduce, first, (record) => beginning(definitionOf(record)));
  const { definition } = state.history;
  const [told, setTold] = useState<string>();
  const onNewer = useCallback((newer: Definition) => {
    dispatch({ type: "load", definition: newer });
    setTold(texts.conflictLive);
  }, []);
  const draft = useDraft(first, definition, mayEdit, onNewer);
  const queries = useQueryClient();
  const [palette, setPalette] = useState<Gap>();
  const [shortcuts, setShortcuts] = useState(false);
  const [publishOpen, setPublishOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [dragging, setDragging] = useState(false);
  const narrow = useMediaQuery("(max-width: 760px)") ?? false;
  const [asList, setAsList] = useState<boolean>();
  const view = (asList ?? narrow) ? "list" : "canvas";
  const canvas = useRef<CanvasView>(null);
  const { known, forms } = useKnown(first.id, definition);
  const people = useQuery({ queryKey: ["builder", "people"], queryFn: api.people, retry: false });
  const connections = useQuery({ queryKey: ["builder", "connections"], queryFn: api.connections, retry: false });
  const providers = useQuery({ queryKey: ["builder", "providers"], queryFn: api.providers, retry: false, staleTime: Infinity });

  useEffect(() => {
    if (told === undefined) return undefined;
    const timer = setTimeout(() => setTold(undefined), TOLD_FOR);
    return () => clearTimeout(timer);
  }, [told]);

  useEffect(() => {
    document.title = texts.pageTitle(definition.name);
  }, [definition.name]);

  const edit = useCallback(
    (label: string, made: Edit | undefined, select?: readonly string[]) => {
      if (mayEdit) dispatch({ type: "edit", label, edit: made, at: Date.now(), ...(select ? { select } : {}) });
    },
    [mayEdit],
  );
  const variables = useMemo(() => variablesAt(definition, ["actions", 0], known, actions), [definition, known, actions]);
  const nameOf = useMemo(() => nameIn(variables), [variables]);
  const problems = useMemo(() => placeProblems(definition, draft.problems), [definition, draft.problems]);
  const context: BuilderContext = {
    workflowId: first.id, definition, state, dispatch, edit, actions, operators, forms, people: people.data ?? NOBODY, connections: connections.data ?? NOBODY, providers: providers.data ?? NOBODY, known, problems, mayEdit, nameOf,
    hookUrl: typeof draft.record.hook_url === "string" ? draft.record.hook_url : undefined,
    rotateHook: async () => {
      try {
        await draft.change(() => api.rotateHook(first.id));
        setTold(texts.hook.rotated);
        return undefined;
      } catch (error) {
        return reasonOf(error);
      }
    },
  };

  const nodeOf = useCallback(
    (id: string): string => {
      const found = placeOf(definition, id);
      return found ? nodeIdOf(found.step, found.path) : id;
    },
    [definition],
  );
  const selected = useMemo(() => {
    const { selection } = state;
    return new Set(selection.kind === "steps" ? selection.ids.map(nodeOf) : selection.kind === "none" ? [] : [selection.kind]);
  }, [state, nodeOf]);
  const problemCounts = useMemo(() => {
    const counts = new Map<string, number>();
    for (const { node } of problems) {
      const id = typeof node === "string" ? node : node.stepId === undefined ? undefined : `step:${node.stepId}`;
      if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  }, [problems]);
  const statuses = useMemo((): Record<string, StepStatus> => {
    if (!state.dryRun) return {};
    const { conditionsPassed } = state.dryRun;
    const steps = state.dryRun.actions.map(({ stepId, wouldRun, problems: wrong }) => [stepId, wrong.length > 0 ? "failed" : wouldRun ? "would" : "wouldNot"] as const);
    return { ...Object.fromEntries(steps), ...(conditionsPassed === null ? {} : { conditions: conditionsPassed ? "met" : "unmet" }) };
  }, [state.dryRun]);
  const formName = useMemo(() => forms.find(({ id }) => id === definition.trigger_config?.formId)?.name, [forms, definition.trigger_config]);

  /** Puts the focus on a node, once it is drawn. */
  const focusNode = useCallback((nodeId: string) => {
    canvas.current?.show(nodeId);
    requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-node="${CSS.escape(nodeId)}"]`)?.focus({ preventScroll: view === "canvas" })));
  }, [view]);

  const onSelect = useCallback(
    (nodeId: string, { extend, open }: { extend: boolean; open: boolean }) => {
      if (nodeId === "trigger" || nodeId === "conditions") return dispatch({ type: "select", selection: { kind: nodeId }, open });
      const id = nodeId.replace(/^step:/, "");
      const before = selectedIds(state.selection);
      const ids = !extend ? [id] : before.includes(id) ? before.filter((other) => other !== id) : [...before, id];
      const selection: Selection = ids.length === 0 ? { kind: "none" } : { kind: "steps", ids };
      dispatch({ type: "select", selection, open });
    },
    [state.selection],
  );

  const closePanel = (): void => {
    const nodeId = [...selected][0];
    dispatch({ type: "close" });
    if (nodeId !== undefined) focusNode(nodeId);
  };

  /** Where something new goes: behind what is chosen, else at the end. */
  const gapHere = (before = false): Gap => {
    const found = chosen(definition, new Set(selectedIds(state.selection)));
    const last = before ? found[0] : found.at(-1);
    if (last) return { list: last.list, index: before ? last.index : last.index + 1 };
    if (state.selection.kind !== "none") return { list: ["actions"], index: 0 };
    return { list: ["actions"], index: definition.actions?.length ?? 0 };
  };

  const add = (action: ActionInfo, gap: Gap): void => {
    const [step] = copiesFor(definition, [newStep(action, "s1")]);
    setPalette(undefined);
    if (!step?.id) return;
    edit(`${texts.edits.add}: ${action.title}`, insertSteps(definition, gap, [step]), [step.id]);
    // The first field is what comes next.
    setTimeout(() => {
      canvas.current?.show(`step:${step.id}`);
      document.querySelector<HTMLElement>("[data-panel=settings] input:not([type=checkbox]), [data-panel=settings] textarea")?.focus({ preventScroll: true });
    }, 60);
  };

  const paste = async (gap: Gap): Promise<void> => {
    const steps = await pastedSteps();
    const pasted = pasteSteps(definition, gap, steps);
    setPalette(undefined);
    if (!pasted) return;
    edit(texts.edits.paste, pasted.edit, pasted.ids);
    setTold(texts.pasted(pasted.ids.length));
  };

  const drop = (gap: Gap, transfer: DataTransfer): void => {
    setDragging(false);
    const action = actions.find(({ name }) => name === transfer.getData(DRAGGED_ACTION));
    if (action) return add(action, gap);
    const ids = transfer.getData(DRAGGED_STEPS).split(",").filter(Boolean);
    if (ids.length > 0) edit(texts.edits.move, moveSteps(definition, new Set(ids), gap));
  };

  const publish = async (note: string, switchOn: boolean): Promise<void> => {
    setPublishOpen(false);
    setBusy(true);
    try {
      if (!(await draft.save())) return;
      let next = await draft.change(() => api.publish(first.id, note, draft.version.current), draft.published);
      if (switchOn && !next.is_active) next = await draft.change(() => api.setActive(first.id, true));
      draft.setProblems([]);
      setTold(next.is_active ? texts.activated : texts.published(next.published_version));
      void queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== "builder" });
    } catch (error) {
      if (error instanceof ApiFailure && error.status === 409) draft.receive(await api.workflow(first.id));
      else if (error instanceof ApiFailure) draft.setProblems(error.details);
      setTold(reasonOf(error));
    } finally {
      setBusy(false);
    }
  };

  const setActive = async (active: boolean): Promise<void> => {
    setBusy(true);
    try {
      await draft.change(() => api.setActive(first.id, active));
      setTold(active ? texts.activated : texts.deactivated);
      void queries.invalidateQueries({ queryKey: ["workflows"] });
    } catch (error) {
      setTold(reasonOf(error));
    } finally {
      setBusy(false);
    }
  };

  const discard = async (): Promise<void> => {
    try {
      const next = await draft.change(() => api.discardDraft(first.id), draft.published);
      edit(texts.edits.replace, replaceAll(definition, definitionOf(next)));
      setTold(texts.discarded);
    } catch (error) {
      setTold(reasonOf(error));
    }
  };

  /** From node to node, in reading order. */
  const go = (by: -1 | 1, extend: boolean): void => {
    const order = ["trigger", "conditions", ...places(definition).map(({ step, path }) => nodeIdOf(step, path))];
    const focused = document.activeElement?.closest<HTMLElement>("[data-node]")?.dataset.node;
    const at = order.indexOf(focused ?? [...selected].at(-1) ?? "");
    const next = order[Math.max(0, Math.min(order.length - 1, at < 0 ? 0 : at + by))];
    if (next === undefined) return;
    const isStep = next !== "trigger" && next !== "conditions";
    if (extend && isStep) {
      const before = selectedIds(state.selection);
      const id = next.replace(/^step:/, "");
      dispatch({ type: "select", selection: { kind: "steps", ids: before.includes(id) ? before : [...before, id] } });
    } else onSelect(next, { extend: false, open: false });
    focusNode(next);
  };

  useKeys((command: Command) => {
    const ids = new Set(selectedIds(state.selection));
    const steps = chosen(definition, ids).map(({ step }) => step);
    const one = [...ids][0];
    switch (command) {
      case "previous": return go(-1, false);
      case "next": return go(1, false);
      case "extendPrevious": return go(-1, true);
      case "extendNext": return go(1, true);
      case "open": {
        const focused = document.activeElement?.closest<HTMLElement>("[data-node]")?.dataset.node;
        if (focused === undefined) return;
        onSelect(focused, { extend: false, open: true });
        return void setTimeout(focusPanel, 60);
      }
      case "close": return closePanel();
      case "addAfter": return mayEdit ? setPalette(gapHere()) : undefined;
      case "addBefore": return mayEdit ? setPalette(gapHere(true)) : undefined;
      case "moveUp":
      case "moveDown": {
        if (one === undefined) return;
        edit(texts.edits.move, nudgeStep(definition, one, command === "moveUp" ? -1 : 1));
        return focusNode(nodeOf(one));
      }
      case "copy":
      case "cut": {
        if (steps.length === 0) return;
        void copySteps(steps).then(() => setTold(texts.copied(steps.length)));
        return command === "cut" ? edit(texts.cut, removeSteps(definition, ids)) : undefined;
      }
      case "paste": return mayEdit ? void paste(gapHere()) : undefined;
      case "duplicate": {
        const copies = duplicateSteps(definition, ids);
        return copies ? edit(texts.edits.duplicate, copies.edit, copies.ids) : undefined;
      }
      case "toggle": return edit(texts.edits.change, setOfSteps(definition, ids, "disabled", steps.every((step) => step.disabled) ? undefined : true));
      case "delete": {
        if (ids.size === 0) return;
        const all = places(definition);
        const before = all.slice(0, all.findIndex(({ step }) => ids.has(step.id ?? ""))).at(-1);
        edit(texts.edits.remove, removeSteps(definition, ids));
        return focusNode(before ? nodeIdOf(before.step, before.path) : "conditions");
      }
      case "undo": return mayEdit ? dispatch({ type: "undo" }) : undefined;
      case "redo": return mayEdit ? dispatch({ type: "redo" }) : undefined;
      case "test": return dispatch({ type: "panel", panel: "test" });
      case "list": return setAsList(view === "canvas");
      case "fit": return canvas.current?.fit();
      case "zoomIn": return canvas.current?.zoom(1.2);
      case "zoomOut": return canvas.current?.zoom(1 / 1.2);
      case "publish": return mayEdit && (draft.record.has_draft || draft.saving !== "saved") ? setPublishOpen(true) : undefined;
      case "shortcuts": return setShortcuts(true);
      case "selectAll": return dispatch({ type: "select", selection: { kind: "steps", ids: places(definition).flatMap(({ step }) => step.id ?? []) } });
    }
  });

  return (
    <BuilderContextProvider value={context}>
      <div className={classes.screen}>
        <VisuallyHidden component="h1">{definition.name}</VisuallyHidden>
        <Toolbar
          record={draft.record} saving={draft.saving} view={view} back={back} publishOpen={publishOpen} busy={busy} onPublishOpen={setPublishOpen} onPublish={(note, on) => void publish(note, on)}
          onActive={(active) => void setActive(active)} onView={() => setAsList(view === "canvas")} onShortcuts={() => setShortcuts(true)} onRetry={() => void draft.save()}
        />
        {(draft.saving === "failed" || draft.saving === "signedOut") && (
          <div className={classes.notice} role="alert">
            {draft.saving === "failed" ? texts.saveFailed : texts.signedOut}
            <Button size="compact-xs" variant="default" onClick={() => void draft.save()}>
              {texts.retry}
            </Button>
          </div>
        )}
        <div className={classes.middle}>
          {mayEdit && view === "canvas" && (
            <section className={classes.palette} aria-label={texts.palette}>
              <PaletteList actions={actions} onPick={(action) => add(action, gapHere())} draggable onDragStart={() => setDragging(true)} onDragEnd={() => setDragging(false)} />
            </section>
          )}
          <section className={classes.view} aria-label={view === "canvas" ? texts.canvasLabel : texts.listHeading} data-list={view === "list" || undefined}>
            {view === "canvas" ? (
              <WorkflowCanvas
                view={canvas} definition={definition} actions={actions} operators={operators} nameOf={nameOf} formName={formName} selected={selected} problems={problemCounts} statuses={statuses} readOnly={!mayEdit} dragging={dragging}
                onSelect={onSelect} onGap={setPalette} onDrop={drop}
                onDragStart={(stepId, transfer) => {
                  const ids = selectedIds(state.selection);
                  transfer.setData(DRAGGED_STEPS, (ids.includes(stepId) ? ids : [stepId]).join(","));
                  transfer.effectAllowed = "move";
                  setDragging(true);
                }}
                onDragEnd={() => setDragging(false)}
                onBackground={() => dispatch({ type: "select", selection: { kind: "none" } })}
              />
            ) : (
              <ListView onSelect={onSelect} onGap={setPalette} formName={formName} />
            )}
            {told !== undefined && (
              <div className={classes.toast} role="status">
                {told}
              </div>
            )}
          </section>
          {state.panelOpen && <SidePanel publishedVersion={draft.record.published_version} hasDraft={draft.record.has_draft} onDiscard={() => void discard()} onClose={closePanel} />}
        </div>
        <PaletteDialog opened={palette !== undefined} onClose={() => setPalette(undefined)} actions={actions} onPick={(action) => palette && add(action, palette)} onPaste={() => palette && void paste(palette)} />
        <Modal opened={shortcuts} onClose={() => setShortcuts(false)} title={texts.shortcuts} closeButtonProps={{ "aria-label": texts.close }}>
          <table className={classes.keys}>
            <tbody>
              {texts.keys.map(([keys, meaning]) => (
                <tr key={keys}>
                  <td>
                    <Kbd>{keys}</Kbd>
                  </td>
                  <td>{meaning}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Modal>
        <ConflictDialog
          theirs={draft.conflict}
          onResolve={(keep) => {
            const theirs = draft.conflict;
            draft.resolve(keep);
            if (keep === "theirs" && theirs) edit(texts.edits.replace, replaceAll(definition, definitionOf(theirs)));
          }}
        />
      </div>
    </BuilderContextProvider>
  );
}
