// What the nodes need beside their own data. A context, so that a change of the selection does not make new data for every node.
import { createContext, useContext } from "react";
import type { ActionInfo } from "../model/catalogue";
import type { OperatorInfo } from "../model/conditions";
import type { Definition } from "../model/definition";
import type { Gap } from "../model/operations";

/** How a step went, or would go. */
export type StepStatus = "pending" | "running" | "waiting" | "retrying" | "completed" | "failed" | "skipped" | "cancelled" | "handled" | "stopped" | "would" | "wouldNot" | "met" | "unmet";

export type CanvasContext = {
  definition: Definition;
  actions: readonly ActionInfo[];
  operators: readonly OperatorInfo[];
  nameOf: (field: string) => string;
  formName: string | undefined;
  selected: ReadonlySet<string>;
  problems: ReadonlyMap<string, number>;
  statuses: Readonly<Record<string, StepStatus>>;
  /** A few words beside the status, by step. */
  details: Readonly<Record<string, string>>;
  /** The nodes on the way that a run took; without one, no way is told apart. */
  taken: ReadonlySet<string> | undefined;
  readOnly: boolean;
  dragging: boolean;
  onSelect?: (nodeId: string, event: { extend: boolean; open: boolean }) => void;
  onGap?: (gap: Gap) => void;
  onDrop?: (gap: Gap, transfer: DataTransfer) => void;
  onDragStart?: (stepId: string, transfer: DataTransfer) => void;
  onDragEnd?: () => void;
};

export const CanvasContextProvider = createContext<CanvasContext | undefined>(undefined);

export function useCanvas(): CanvasContext {
  const context = useContext(CanvasContextProvider);
  if (!context) throw new Error("a node is drawn outside of a canvas");
  return context;
}

/** What a drag carries. */
export const DRAGGED_ACTION = "application/x-vtrustx-action";
export const DRAGGED_STEPS = "application/x-vtrustx-steps";
