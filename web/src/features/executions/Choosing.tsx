import { Checkbox } from "@mantine/core";
import { createContext, memo, useContext } from "react";
import { texts } from "./texts";

/** Which rows of the list are chosen. Beside the columns, so that choosing one row does not draw all of them. */
export type Choice = { chosen: ReadonlySet<number>; shown: readonly number[]; set: (change: (before: ReadonlySet<number>) => ReadonlySet<number>) => void };

export const ChoiceContext = createContext<Choice>({ chosen: new Set(), shown: [], set: () => undefined });

export function ChooseAll() {
  const { chosen, shown, set } = useContext(ChoiceContext);
  const isAll = shown.length > 0 && shown.every((id) => chosen.has(id));
  return <Checkbox size="xs" checked={isAll} indeterminate={chosen.size > 0 && !isAll} onChange={() => set(() => new Set(isAll ? [] : shown))} aria-label={texts.selectAll} />;
}

export function Choose({ id }: { id: number }) {
  const { chosen, set } = useContext(ChoiceContext);
  return <Box id={id} isChosen={chosen.has(id)} set={set} />;
}

const Box = memo(function Box({ id, isChosen, set }: { id: number; isChosen: boolean; set: Choice["set"] }) {
  const toggle = (before: ReadonlySet<number>) => new Set(before.has(id) ? [...before].filter((one) => one !== id) : [...before, id]);
  return <Checkbox size="xs" checked={isChosen} onChange={() => set(toggle)} aria-label={texts.select(id)} />;
});
