import { Center, Paper, Text, Title } from "@mantine/core";
import { SignInForm } from "./SignInForm";
import { texts } from "./texts";

export function SignIn() {
  return (
    <Center component="main" mih="100svh" p="md">
      <Paper withBorder p="xl" radius="lg" w="100%" maw={400}>
        <img src="/mark.svg" alt="" width={36} height={36} />
        <Title order={1} mt="md">{texts.signIn.title}</Title>
        <Text c="dimmed" size="sm" mb="lg">{texts.product}. {texts.signIn.hint}</Text>
        <SignInForm />
      </Paper>
    </Center>
  );
}
