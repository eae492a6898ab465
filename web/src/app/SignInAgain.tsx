import { Modal, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { onSignedOut } from "../api/client";
import { useSession } from "../api/session";
import { SignInForm } from "./SignInForm";
import { texts } from "./texts";

/** A session that ends while somebody works: asked for above the screen, whose unsaved state stays. */
export function SignInAgain() {
  const [isOpen, setOpen] = useState(false);
  const session = useSession();
  useEffect(() => onSignedOut(() => setOpen(true)), []);
  return (
    <Modal opened={isOpen} onClose={() => undefined} withCloseButton={false} closeOnClickOutside={false} closeOnEscape={false} title={texts.signIn.again}>
      <Text size="sm" c="dimmed" mb="md">{texts.signIn.againWhy}</Text>
      <SignInForm email={session.user?.email} done={() => setOpen(false)} />
    </Modal>
  );
}
