// One component for each kind of node.
import { Badge } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconFilter, IconPlus } from "@tabler/icons-react";
import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { memo, type ReactNode, useState } from "react";
import { stepText, titleOf } from "../model/catalogue";
import { sentence } from "../model/conditions";
import type { GraphNode } from "../model/graph";
import { texts } from "../texts";
import { triggerWords } from "../triggerWords";
import classes from "./canvas.module.css";
import { type StepStatus, useCanvas } from "./context";
import { iconOf } from "./icons";

export type CanvasNode = Node<{ node: GraphNode }, GraphNode["kind"]>;

const STATUS_COLOR: Record<StepStatus, string> = {
  pending: "gray", running: "blue", waiting: "yellow", retrying: "yellow", completed: "teal", failed: "red", skipped: "gray", cancelled: "gray", handled: "yellow", stopped: "yellow", would: "teal", met: "teal", unmet: "red",
  wouldNot: "gray",
};

function Card({ id, title, text, icon, kind, conditionText, disabled, label, stepId }: { id: string; title: string; text: string; icon: ReactNode; kind: string; conditionText?: boolean; disabled?: boolean; label: string; stepId?: string }) {
  const canvas = useCanvas();
  const selected = canvas.selected.has(id);
  const problems = canvas.problems.get(id) ?? 0;
  const status = canvas.statuses[stepId ?? id];
  const said = status && { text: texts.statuses[status], color: STATUS_COLOR[status] };
  const detail = canvas.details[stepId ?? id];
  const passedBy = canvas.taken !== undefined && !canvas.taken.has(id);
  const choose = (event: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean }): void => {
    const extend = event.shiftKey || event.ctrlKey || event.metaKey;
    canvas.onSelect?.(id, { extend, open: !extend });
  };
  const inside = (
    <>
      <span className={classes.icon} data-kind={kind}>
        {icon}
      </span>
      <span className={classes.words}>
        <span className={classes.title} style={{ display: "block" }}>
          {title}
        </span>
        <span className={`${classes.text} ${conditionText ? classes.conditionText : ""}`} style={conditionText ? undefined : { display: "block" }}>
          {text}
        </span>
      </span>
      {(problems > 0 || said || disabled || detail !== undefined) && (
        <span className={classes.marks}>
          {problems > 0 && (
            <Badge size="sm" variant="light" color="red" leftSection={<IconAlertTriangle size={11} />}>
              {problems}
            </Badge>
          )}
          {said && (status === "completed" || status === "met") && (
            <span className={classes.done} title={said.text}>
              <IconCheck size={14} stroke={2.4} />
            </span>
          )}
          {said && status !== "completed" && status !== "met" && (
            <Badge size="sm" variant="light" color={said.color} c="var(--mantine-color-text)" tt="none">
              {said.text}
            </Badge>
          )}
          {detail !== undefined && <span className={classes.detail}>{detail}</span>}
          {disabled && (
            <Badge size="sm" variant="default" tt="none">
              {texts.disabled}
            </Badge>
          )}
        </span>
      )}
    </>
  );
  const marks = { "data-node": id, "data-disabled": disabled || undefined, "data-status": status, "data-passed-by": passedBy || undefined };
  return (
    <>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      {canvas.onSelect === undefined ? (
        <div className={classes.card} {...marks}>
          {inside}
        </div>
      ) : (
        <button
          type="button"
          {...marks}
          className={`${classes.card} nopan nodrag`}
          data-selected={selected || undefined}
          aria-pressed={selected}
          aria-label={[label, text, disabled ? texts.disabled : "", problems ? texts.problem(problems) : "", said?.text ?? "", detail ?? ""].filter(Boolean).join(". ")}
          draggable={stepId !== undefined && !canvas.readOnly}
          onDragStart={(event) => stepId !== undefined && canvas.onDragStart?.(stepId, event.dataTransfer)}
          onDragEnd={() => canvas.onDragEnd?.()}
          onClick={choose}
        >
          {inside}
        </button>
      )}
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </>
  );
}

const TriggerNode = memo(function TriggerNode() {
  const { definition, formName } = useCanvas();
  const { title, text, icon } = triggerWords(definition, formName);
  const Icon = iconOf(icon, "trigger");
  return <Card id="trigger" kind="trigger" title={title} text={text} icon={<Icon size={20} />} label={`${texts.trigger}: ${title}`} />;
});

const ConditionsNode = memo(function ConditionsNode() {
  const { definition, operators, nameOf, readOnly } = useCanvas();
  const list = definition.conditions ?? [];
  const text = sentence(list, operators, nameOf);
  const title = text === "" ? texts.always : texts.conditions;
  return <Card id="conditions" kind="conditions" title={title} text={text === "" ? (readOnly ? texts.alwaysSaid : texts.alwaysHint) : text} conditionText icon={<IconFilter size={20} />} label={title} />;
});

const StepNode = memo(function StepNode({ data }: NodeProps<CanvasNode>) {
  const { actions, operators, nameOf } = useCanvas();
  const { node } = data;
  if (node.kind !== "step") return null;
  const { step } = node;
  const action = actions.find(({ name }) => name === step.type);
  const Icon = iconOf(action?.icon, step.type);
  const title = titleOf(step, actions);
  return (
    <Card
      id={node.id}
      kind="step"
      title={title}
      text={stepText(step, operators, nameOf) || texts.notSetUp}
      icon={<Icon size={20} />}
      disabled={step.disabled === true}
      label={`${texts.step(node.number)}: ${title}`}
      {...(step.id === undefined ? {} : { stepId: step.id })}
    />
  );
});

const GapNode = memo(function GapNode({ data }: NodeProps<CanvasNode>) {
  const canvas = useCanvas();
  const [over, setOver] = useState(false);
  const { node } = data;
  if (node.kind !== "gap") return null;
  return (
    <>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      {canvas.readOnly ? (
        <div className={classes.point} aria-hidden />
      ) : (
        <button
          type="button"
          className={`${classes.gap} nopan nodrag`}
          data-gap={node.id}
          data-dragging={canvas.dragging || undefined}
          data-over={over || undefined}
          aria-label={node.empty && node.gap.list.length === 1 ? texts.addFirst : texts.addStep}
          onClick={() => canvas.onGap?.(node.gap)}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault();
            setOver(false);
            canvas.onDrop?.(node.gap, event.dataTransfer);
          }}
        >
          <IconPlus size={15} />
        </button>
      )}
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </>
  );
});

const LabelNode = memo(function LabelNode({ data }: NodeProps<CanvasNode>) {
  const { operators, nameOf, taken, onSelect, readOnly } = useCanvas();
  const { node } = data;
  if (node.kind !== "label") return null;
  const said = node.conditions ? sentence(node.conditions, operators, nameOf) : "";
  const text = said ? `${node.label}: ${said}` : node.label;
  const { owner } = node;
  return (
    <div className={classes.label} title={said || undefined} data-passed-by={(taken && !taken.has(node.id)) || undefined}>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      {owner !== undefined && onSelect && !readOnly ? (
        <button type="button" className={`${classes.labelText} nopan nodrag`} tabIndex={-1} onClick={() => onSelect(owner, { extend: false, open: true })}>
          {text}
        </button>
      ) : (
        <span className={classes.labelText}>{text}</span>
      )}
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </div>
  );
});

function FrameNode() {
  return <div className={classes.frame} aria-hidden />;
}

function EndNode({ data }: NodeProps<CanvasNode>) {
  return (
    <div className={classes.end}>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      {data.node.kind === "end" ? data.node.label : ""}
    </div>
  );
}

export const NODE_TYPES = { trigger: TriggerNode, conditions: ConditionsNode, step: StepNode, gap: GapNode, label: LabelNode, frame: FrameNode, end: EndNode };
