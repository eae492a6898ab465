import { Text } from "@mantine/core";
import { texts } from "./texts";

const known: Record<string, string> = texts.events;

/** An event in a person's words; one of the company's own is shown as it is called. */
export function EventName({ event }: { event: string }) {
  const said = known[event];
  return said === undefined ? <Text span size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>{event}</Text> : <Text span size="sm" c="dimmed" title={event}>{said}</Text>;
}
