// Steps on the clipboard, as text that also another window or an editor can take.
import { isStep, type Step } from "./model/definition";
import { isObject, type Json } from "./model/json";

/** Where the system's clipboard may not be used, steps are still copied within this window. */
let own = "";

export function stepsText(steps: readonly Step[]): string {
  return JSON.stringify({ vtrustx: "steps", steps }, null, 2);
}

/** The steps in a text: what was copied here, a list of steps, one step, or a whole workflow. */
export function stepsIn(text: string): Step[] {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return [];
  }
  const list = Array.isArray(value) ? value : isStep(value) ? [value] : isObject(value) ? (value.steps ?? value.actions) : undefined;
  return Array.isArray(list) ? list.filter(isStep) : [];
}

export async function copySteps(steps: readonly Step[]): Promise<void> {
  own = stepsText(steps);
  await navigator.clipboard?.writeText(own).catch(() => undefined);
}

export async function pastedSteps(): Promise<Step[]> {
  const text = await navigator.clipboard?.readText().catch(() => undefined);
  const found = text === undefined ? [] : stepsIn(text);
  return found.length > 0 ? found : stepsIn(own);
}
