import { ActionIcon, CopyButton } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { texts } from "./texts";

/** A value as the API has it, to read and to copy. */
export function JsonBlock({ value, label }: { value: unknown; label: string }) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return (
    <div style={{ position: "relative" }}>
      <pre className="code" tabIndex={0} role="region" aria-label={label}>{text}</pre>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <ActionIcon variant="default" size="sm" onClick={copy} aria-label={copied ? texts.copied : `${texts.copy}: ${label}`} style={{ position: "absolute", top: 6, right: 6 }}>
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        )}
      </CopyButton>
    </div>
  );
}
