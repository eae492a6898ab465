// The keys of the builder. They act when nothing is being typed.
import { useEffect, useRef } from "react";

export type Command =
  | "previous" | "next" | "extendPrevious" | "extendNext" | "open" | "close" | "addAfter" | "addBefore" | "moveUp" | "moveDown" | "copy" | "cut" | "paste" | "duplicate" | "toggle" | "delete"
  | "undo" | "redo" | "test" | "list" | "fit" | "zoomIn" | "zoomOut" | "publish" | "shortcuts" | "selectAll";

type Pressed = { key: string; ctrlKey: boolean; metaKey: boolean; shiftKey: boolean; altKey: boolean };

/** Which command a key means; undefined: none. */
export function commandOf(event: Pressed): Command | undefined {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") return event.shiftKey ? "redo" : "undo";
    const withControl: Record<string, Command> = { y: "redo", c: "copy", x: "cut", v: "paste", a: "selectAll", Enter: "publish" };
    return withControl[key];
  }
  if (event.altKey) return key === "ArrowUp" ? "moveUp" : key === "ArrowDown" ? "moveDown" : undefined;
  if (key === "ArrowUp") return event.shiftKey ? "extendPrevious" : "previous";
  if (key === "ArrowDown") return event.shiftKey ? "extendNext" : "next";
  if (key === "a") return event.shiftKey ? "addBefore" : "addAfter";
  const plain: Record<string, Command> = { Enter: "open", Escape: "close", d: "duplicate", o: "toggle", Delete: "delete", Backspace: "delete", t: "test", l: "list", f: "fit", "+": "zoomIn", "=": "zoomIn", "-": "zoomOut", "?": "shortcuts" };
  return plain[key];
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");
}

/** Keys that mean something to the thing that has the focus stay its own. */
function isOwn(event: KeyboardEvent, command: Command): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("[role=dialog], [role=menu], [role=listbox], [role=combobox]")) return true;
  const onCanvas = target === document.body || target.closest("[data-node], [data-canvas], [data-list]") !== null;
  if (command === "open") return target.closest("[data-node]") === null;
  if (command === "previous" || command === "next" || command === "extendPrevious" || command === "extendNext" || command === "selectAll") return !onCanvas;
  return false;
}

export function useKeys(run: (command: Command) => void): void {
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.defaultPrevented) return;
      const command = commandOf(event);
      if (!command) return;
      const typing = isTyping(event.target);
      // Undo works in a field as well: the text is part of the workflow.
      if (typing && command !== "undo" && command !== "redo" && command !== "publish" && command !== "close") return;
      if (command === "publish" ? false : isOwn(event, command)) return;
      // Text that is marked is copied as text.
      if ((command === "copy" || command === "cut") && String(window.getSelection() ?? "") !== "") return;
      event.preventDefault();
      latest.current(command);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}
