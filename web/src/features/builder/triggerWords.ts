// What the trigger is called on the canvas and in the list.
import type { Definition } from "./model/definition";
import { isObject } from "./model/json";
import { ENTRY_RULES, ruleOf, scheduleText, startKindOf } from "./model/starts";
import { texts as shared } from "../../ui/texts";
import { texts } from "./texts";

/** The events of records, by their names; a workflow may listen to one of the company's own as well. */
export const EVENTS: Record<string, string> = Object.fromEntries(Object.entries(shared.events).filter(([name]) => startKindOf(name) === "event"));

/** The event that is meant by its words, or by its own name. */
export function eventCalled(text: string): string {
  return Object.keys(EVENTS).find((name) => EVENTS[name] === text) ?? text;
}

/** The icon that the kind of trigger has. */
const ICONS = { event: "bolt", schedule: "clock", webhook: "webhook", manual: "hand-click" } as const;

export function triggerWords(definition: Definition, formName: string | undefined): { title: string; text: string; icon: string } {
  const event = definition.trigger_event;
  const kind = startKindOf(event);
  const config = isObject(definition.trigger_config) ? definition.trigger_config : {};
  const rules = ENTRY_RULES.filter(({ name }) => ruleOf(definition, name) !== undefined).map(({ name }) => texts.rules.short[name]);
  const title = kind === "event" ? (event === "" ? texts.chooseTrigger : (EVENTS[event] ?? event)) : shared.events[kind];
  const said = { event: event === "submission_completed" ? (formName ?? texts.anyForm) : event === "" ? texts.notSetUp : texts.trigger, schedule: scheduleText(config) || texts.notSetUp, webhook: texts.hookText, manual: texts.manualText }[kind];
  return { title, text: [said, ...rules].join(" · "), icon: ICONS[kind] };
}
