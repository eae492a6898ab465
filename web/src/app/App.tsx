import { Center, Loader, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useState } from "react";
import { useSessionQuery, SessionContext } from "../api/session";
import { createQueryClient } from "../api/queries";
import { ErrorState } from "../ui/states";
import { ErrorBoundary } from "./ErrorBoundary";
import { router } from "./router";
import { SignIn } from "./SignIn";
import { SignInAgain } from "./SignInAgain";
import { texts } from "./texts";
import { theme, variables } from "./theme";

export function App() {
  const [client] = useState(createQueryClient);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <ErrorBoundary>
        <QueryClientProvider client={client}>
          <Notifications position="bottom-right" />
          <Gate />
        </QueryClientProvider>
      </ErrorBoundary>
    </MantineProvider>
  );
}

/** The sign-in stands at every address, so that one comes back to where one wanted to go. */
function Gate() {
  const session = useSessionQuery();
  if (session.data) {
    return (
      <SessionContext value={session.data}>
        <RouterProvider router={router} />
        <SignInAgain />
      </SessionContext>
    );
  }
  if (session.data === null) return <SignIn />;
  if (session.error) return <ErrorState title={texts.unreachable} error={session.error} again={() => void session.refetch()} />;
  return (
    <Center h="100vh">
      <Loader role="status" aria-label={texts.loading} type="dots" />
    </Center>
  );
}
