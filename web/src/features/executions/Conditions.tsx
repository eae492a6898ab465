import { Text } from "@mantine/core";
import { IconCheck, IconX } from "@tabler/icons-react";
import classes from "./executions.module.css";
import type { Verdict } from "./journal";
import { texts } from "./texts";

/** Each condition with both of its sides, and why it held or not. */
export function Conditions({ verdict, isTop = true }: { verdict: Verdict; isTop?: boolean }) {
  const inner = verdict.conditions;
  if (!inner) return <ul className={classes["conditions"]}><Condition verdict={verdict} /></ul>;
  return (
    <ul className={classes["conditions"]}>
      {isTop && inner.length > 1 && <li><Text size="xs" c="dimmed">{groupName(verdict.logic)}</Text></li>}
      {inner.map((one, index) => <Condition key={index} verdict={one} />)}
    </ul>
  );
}

function Condition({ verdict }: { verdict: Verdict }) {
  const Icon = verdict.result ? IconCheck : IconX;
  return (
    <li className={classes["condition"]} data-held={verdict.result}>
      <Icon size={16} aria-label={verdict.result ? texts.detail.held : texts.detail.didNotHold} className={classes["mark"]} />
      <div style={{ minWidth: 0 }}>
        {verdict.conditions ? (
          <>
            <Text size="sm" fw={500}>{groupName(verdict.logic)}</Text>
            <Conditions verdict={verdict} isTop={false} />
          </>
        ) : (
          <>
            <Text size="sm" style={{ overflowWrap: "anywhere" }}>
              <code>{verdict.field}</code> {verdict.operator} <code>{show(verdict.right)}</code>
            </Text>
            <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>{verdict.reason ?? show(verdict.left)}</Text>
          </>
        )}
      </div>
    </li>
  );
}

function groupName(logic: string | undefined): string {
  if (logic === "OR") return texts.detail.anyOf;
  return logic === "NOT" ? texts.detail.noneOf : texts.detail.allOf;
}

function show(value: unknown): string {
  if (value === undefined || value === null) return texts.detail.nothingLeft;
  return typeof value === "string" ? value : JSON.stringify(value);
}
