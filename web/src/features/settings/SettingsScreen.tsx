import { Tabs, Text } from "@mantine/core";
import { useMay } from "../../api/session";
import { useFilters } from "../../ui/filters";
import { Page } from "../../ui/Page";
import { Account } from "./Account";
import { AlertSettings } from "./AlertSettings";
import { Company } from "./Company";
import { Connections } from "./Connections";
import { Deadlines } from "./Deadlines";
import { EmailSettings } from "./email/EmailSettings";
import { Keys } from "./Keys";
import { People } from "./People";
import { texts } from "./texts";

type Tab = keyof typeof texts.tabs;

const forAll: Tab[] = ["account", "people", "connections", "company", "tickets", "email", "alerts"];
const forAdmins: Tab[] = ["account", "people", "keys", "connections", "company", "tickets", "email", "alerts"];

export function SettingsScreen() {
  const { filters, set } = useFilters();
  const isAdmin = useMay("admin");
  const tabs = isAdmin ? forAdmins : forAll;
  const tab = tabs.find((one) => one === filters["tab"]) ?? "account";
  return (
    <Page title={texts.title} size={980}>
      <Tabs value={tab} onChange={(chosen) => set({ tab: chosen ?? undefined, open: undefined })} keepMounted={false}>
        <Tabs.List mb="md">
          {tabs.map((one) => <Tabs.Tab key={one} value={one}>{texts.tabs[one]}</Tabs.Tab>)}
        </Tabs.List>
        {!isAdmin && tab !== "account" && <Text size="sm" c="dimmed" mb="sm">{texts.onlyAdmins}</Text>}
        <Tabs.Panel value="account"><Account /></Tabs.Panel>
        <Tabs.Panel value="people"><People /></Tabs.Panel>
        <Tabs.Panel value="keys"><Keys /></Tabs.Panel>
        <Tabs.Panel value="connections"><Connections /></Tabs.Panel>
        <Tabs.Panel value="company"><Company /></Tabs.Panel>
        <Tabs.Panel value="tickets"><Deadlines /></Tabs.Panel>
        <Tabs.Panel value="email"><EmailSettings /></Tabs.Panel>
        <Tabs.Panel value="alerts"><AlertSettings /></Tabs.Panel>
      </Tabs>
    </Page>
  );
}
