// Absence as a form has it: a switch, and two times that may stay empty.
import { absenceAt, type Away } from "../../api/people";
import type { Field, Values } from "../../ui/RecordForm";
import { textIn } from "./PartForm";
import { texts } from "./texts";

const words = texts.away;
const IS_AWAY = "away";
const FROM = "away.from";
const UNTIL = "away.until";
const isAway = (values: Values) => values[IS_AWAY] === true;

export const awayFields: Field[] = [
  { name: IS_AWAY, label: words.isAway, kind: "switch", hint: words.hint, section: words.title },
  { name: FROM, label: words.from, kind: "moment", hint: words.fromHint, isHalf: true, isShown: isAway },
  { name: UNTIL, label: words.until, kind: "moment", hint: words.untilHint, isHalf: true, isShown: isAway },
];

/** An absence that is over is none. */
export function awayValues(away: Away | null | undefined, now: number): Values {
  return away && absenceAt(away, now) !== "none" ? { [IS_AWAY]: true, [FROM]: away.from ?? null, [UNTIL]: away.until ?? null } : { [IS_AWAY]: false, [FROM]: null, [UNTIL]: null };
}

/** What is sent of it: the whole absence when any of it was changed, null for somebody who is back. */
export function awayChange(changed: Values, all: Values): { away?: Away | null } {
  if (![IS_AWAY, FROM, UNTIL].some((name) => name in changed)) return {};
  return { away: isAway(all) ? { from: textIn(all, FROM) || null, until: textIn(all, UNTIL) || null } : null };
}

/** The other fields of the form. */
export function withoutAway(changed: Values): Values {
  return Object.fromEntries(Object.entries(changed).filter(([name]) => !awayFields.some((field) => field.name === name)));
}
