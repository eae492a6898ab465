import { ActionIcon, AppShell, Badge, Burger, Divider, Group, Menu, ScrollArea, Stack, Text, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconCheck, IconLogout, IconUserCircle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { useOpenApprovals } from "../api/approvals";
import { api, take } from "../api/client";
import { useLive } from "../api/live";
import { useMay, useSession, useSessionActions } from "../api/session";
import { AwayChip } from "../ui/Away";
import { MenuItemLink } from "../ui/links";
import { navigation, referenceIcon as ReferenceIcon } from "./navigation";
import { texts } from "./texts";

export function Shell() {
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useLive(true);
  useEffect(close, [path, close]);
  return (
    <AppShell header={{ height: 52, collapsed: false }} navbar={{ width: 224, breakpoint: "sm", collapsed: { mobile: !isOpen } }} padding={0}>
      <a className="skip" href="#content">{texts.skip}</a>
      <AppShell.Header px="sm">
        <Group h="100%" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={texts.navigation.open} />
            <Link to="/" className="plain" style={{ display: "flex", alignItems: "center", gap: 10 }}>
              <img src="/mark.svg" alt="" width={24} height={24} />
              <Text fw={600} size="sm">{texts.product}</Text>
            </Link>
          </Group>
          <Person />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs">
        <Navigation path={path} />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} style={{ outline: "none" }}>
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}

function Navigation({ path }: { path: string }) {
  const counts: Partial<Record<string, number>> = { "/notifications": useUnread(), "/approvals": useOpenApprovals() };
  const mayEdit = useMay("editor");
  const isHere = (to: string) => (to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`));
  return (
    <ScrollArea component="nav" aria-label={texts.navigation.label} h="100%">
      {navigation.map((group, index) => (
        <Stack gap={2} key={group[0].to}>
          {index > 0 && <Divider my={8} />}
          {group.filter((item) => !("from" in item) || mayEdit).map(({ to, label, icon: Icon }) => (
            <Link key={to} to={to} className="navigation" aria-current={isHere(to) ? "page" : undefined}>
              <Icon size={18} stroke={1.6} aria-hidden />
              <span style={{ flex: 1 }}>{label}</span>
              <Count of={counts[to] ?? 0} />
            </Link>
          ))}
        </Stack>
      ))}
      <a className="navigation" href="/api/docs" target="_blank" rel="noreferrer">
        <ReferenceIcon size={18} stroke={1.6} aria-hidden />
        {texts.navigation.reference}
      </a>
    </ScrollArea>
  );
}

function Count({ of: count }: { of: number }) {
  return count > 0 ? <Badge size="sm" variant="filled" color="sea.7" circle={count < 10}>{count}</Badge> : null;
}

function useUnread(): number {
  const { user } = useSession();
  const query = useQuery({
    queryKey: ["notifications", "unread", user?.id],
    enabled: !!user,
    queryFn: () => take(api.GET("/api/notifications", { params: { query: { unread: true, limit: 1, ...(user ? { userId: user.id } : {}) } } })),
  });
  return query.data?.pagination.total ?? 0;
}

function Person() {
  const { user, apiKey, tenant, tenants } = useSession();
  const { signOut, change } = useSessionActions();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const words = texts.person;
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={words.menu}>
          <IconUserCircle size={22} stroke={1.6} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <MenuItemLink to="/settings">
          <Text size="sm" fw={600}>{user?.name ?? user?.email ?? apiKey?.name}</Text>
          <Text size="xs" c="dimmed">{tenant.name}</Text>
          <AwayChip away={user?.away} />
        </MenuItemLink>
        {tenants.length > 1 && (
          <>
            <Menu.Label>{words.tenant}</Menu.Label>
            {tenants.map((one) => (
              <Menu.Item key={one.id} leftSection={<Tick shown={one.id === tenant.id} />} onClick={() => void change({ tenantId: one.id })}>{one.name}</Menu.Item>
            ))}
          </>
        )}
        <Menu.Label>{words.themes}</Menu.Label>
        {(["light", "dark", "auto"] as const).map((scheme) => (
          <Menu.Item key={scheme} leftSection={<Tick shown={scheme === colorScheme} />} onClick={() => setColorScheme(scheme)}>{words.theme[scheme]}</Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>{words.signOut}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Tick({ shown }: { shown: boolean }) {
  return <IconCheck size={16} style={{ visibility: shown ? "visible" : "hidden" }} aria-hidden />;
}
