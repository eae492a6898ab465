// What the builder's window knows: the definition with its past, what is chosen, what is open.
import { createContext, useContext } from "react";
import type { DryRun, Form, Person } from "./api";
import type { ActionInfo } from "./model/catalogue";
import type { OperatorInfo } from "./model/conditions";
import type { Connection, Provider } from "./model/connections";
import type { Definition } from "./model/definition";
import type { Edit } from "./model/edit";
import { type History, perform, redo, start, undo } from "./model/history";
import { places } from "./model/lists";
import type { Placed } from "./model/problems";
import type { Known } from "./model/variables";

export type Selection = { kind: "none" } | { kind: "trigger" } | { kind: "conditions" } | { kind: "steps"; ids: readonly string[] };
export type SidePanel = "settings" | "test" | "history";

export type BuilderState = { history: History; selection: Selection; panel: SidePanel; panelOpen: boolean; dryRun: DryRun | undefined };

export type BuilderAction =
  | { type: "edit"; label: string; edit: Edit | undefined; at: number; select?: readonly string[] }
  | { type: "undo" }
  | { type: "redo" }
  | { type: "select"; selection: Selection; open?: boolean }
  | { type: "panel"; panel: SidePanel }
  | { type: "close" }
  | { type: "tested"; dryRun: DryRun | undefined }
  /** The store's draft replaces this one, past and all: nothing was unsaved here. */
  | { type: "load"; definition: Definition };

export function beginning(definition: Definition): BuilderState {
  return { history: start(definition), selection: { kind: "none" }, panel: "settings", panelOpen: false, dryRun: undefined };
}

/** The selection without steps that are gone. */
function kept(selection: Selection, definition: Definition): Selection {
  if (selection.kind !== "steps") return selection;
  const present = new Set(places(definition).map(({ step }) => step.id));
  const ids = selection.ids.filter((id) => present.has(id));
  return ids.length === 0 ? { kind: "none" } : ids.length === selection.ids.length ? selection : { kind: "steps", ids };
}

function withHistory(state: BuilderState, history: History): BuilderState {
  return { ...state, history, selection: kept(state.selection, history.definition) };
}

export function reduce(state: BuilderState, action: BuilderAction): BuilderState {
  switch (action.type) {
    case "edit": {
      if (!action.edit) return state;
      const next = withHistory(state, perform(state.history, action.label, action.edit, action.at));
      return action.select ? { ...next, selection: { kind: "steps", ids: action.select }, panel: "settings", panelOpen: true } : next;
    }
    case "undo":
      return withHistory(state, undo(state.history));
    case "redo":
      return withHistory(state, redo(state.history));
    case "select":
      return { ...state, selection: action.selection, ...(action.open ? { panel: "settings" as const, panelOpen: true } : {}) };
    case "panel":
      return { ...state, panel: action.panel, panelOpen: !(state.panelOpen && state.panel === action.panel) };
    case "close":
      return state.panelOpen ? { ...state, panelOpen: false } : { ...state, selection: { kind: "none" } };
    case "tested":
      return { ...state, dryRun: action.dryRun };
    case "load":
      return withHistory({ ...state, dryRun: undefined }, { ...start(action.definition), revision: state.history.revision });
  }
}

export function selectedIds(selection: Selection): readonly string[] {
  return selection.kind === "steps" ? selection.ids : [];
}

/** What every part of the screen reads. */
export type BuilderContext = {
  workflowId: number;
  definition: Definition;
  state: BuilderState;
  dispatch: (action: BuilderAction) => void;
  /** An edit, with the time that it is made. */
  edit: (label: string, edit: Edit | undefined, select?: readonly string[]) => void;
  actions: readonly ActionInfo[];
  operators: readonly OperatorInfo[];
  forms: readonly Form[];
  people: readonly Person[];
  connections: readonly Connection[];
  providers: readonly Provider[];
  known: Known;
  problems: readonly Placed[];
  mayEdit: boolean;
  nameOf: (field: string) => string;
  /** The address at which a webhook trigger listens, once the server has given it one. */
  hookUrl: string | undefined;
  /** Another address instead; says why when it could not be had. */
  rotateHook: () => Promise<string | undefined>;
};

export const BuilderContextProvider = createContext<BuilderContext | undefined>(undefined);

export function useBuilder(): BuilderContext {
  const context = useContext(BuilderContextProvider);
  if (!context) throw new Error("a part of the builder is drawn outside of it");
  return context;
}
