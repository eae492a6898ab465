import { Button, Code, CopyButton, Modal, Stack, Text } from "@mantine/core";

type Props = { title: string; hint: string; copy: string; copied: string; value: string | null; close: () => void };

/** A secret that the server gives out once. */
export function ShownOnce({ title, hint, copy, copied, value, close }: Props) {
  return (
    <Modal opened={value !== null} onClose={close} title={<Text fw={600}>{title}</Text>}>
      <Stack>
        <Text size="sm">{hint}</Text>
        <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{value}</Code>
        <CopyButton value={value ?? ""}>{(button) => <Button onClick={button.copy} data-autofocus>{button.copied ? copied : copy}</Button>}</CopyButton>
      </Stack>
    </Modal>
  );
}
