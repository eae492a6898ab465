import { Alert, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { reasonOf } from "../api/failure";
import { useSessionActions } from "../api/session";
import { texts } from "./texts";

export function SignInForm({ email: known, done }: { email?: string | undefined; done?: () => void }) {
  const { signIn } = useSessionActions();
  const [email, setEmail] = useState(known ?? "");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await signIn(email, password);
      done?.();
    } catch (error) {
      setProblem(reasonOf(error));
      setBusy(false);
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)}>
      <Stack>
        {problem && <Alert color="red" variant="outline" role="alert">{problem}</Alert>}
        <TextInput label={texts.signIn.email} type="email" name="email" autoComplete="username" required autoFocus={!known} value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
        <PasswordInput label={texts.signIn.password} name="password" autoComplete="current-password" required autoFocus={!!known} value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
        <Button type="submit" loading={isBusy}>{texts.signIn.action}</Button>
      </Stack>
    </form>
  );
}
