import { Progress, Text } from "@mantine/core";
import type { Schema } from "../../api/client";
import { texts } from "./texts";

const words = texts.became;

/** How far a job is, and what became of the records so far. More may come than there were when it was made. */
export function JobProgress({ job }: { job: Schema<"Job"> }) {
  const { seen, started, unmatched, refused, skipped } = job.progress;
  const total = Math.max(job.total, seen);
  const became = ([["started", started], ["unmatched", unmatched], ["refused", refused], ["skipped", skipped]] as const).filter(([, count]) => count > 0);
  return (
    <>
      <Progress size="sm" radius="xl" value={total === 0 ? 100 : (100 * seen) / total} color={job.state === "failed" ? "red.7" : job.state === "cancelled" ? "gray.6" : "sea.7"} aria-label={texts.progress(seen, total)} />
      <Text size="xs" c="dimmed" mt={4} className="numbers">
        {texts.done(seen, total)}
        {became.map(([name, count]) => ` · ${count.toLocaleString()} ${words[name]}`).join("")}
      </Text>
    </>
  );
}
