import { Button, Group, Modal, Text } from "@mantine/core";
import { useCallback, useState } from "react";
import { texts } from "./texts";

export type Question = { title: string; text: string; action: string };

/** Asks before something that cannot be taken back; `dialog` goes into the screen. */
export function useConfirm() {
  const [asked, setAsked] = useState<Question & { act: () => void }>();
  const [isOpen, setOpen] = useState(false);
  const close = () => setOpen(false);
  const dialog = (
    <Modal opened={isOpen} onClose={close} title={<Text fw={600}>{asked?.title}</Text>}>
      <Text size="sm">{asked?.text}</Text>
      <Group justify="flex-end" mt="lg" gap="xs">
        <Button variant="default" onClick={close}>{texts.cancel}</Button>
        <Button color="red.8" onClick={() => { close(); asked?.act(); }} data-autofocus>{asked?.action}</Button>
      </Group>
    </Modal>
  );
  const confirm = useCallback((question: Question, act: () => void) => {
    setAsked({ ...question, act });
    setOpen(true);
  }, []);
  return { dialog, confirm };
}
