import {
  IconAddressBook, IconBell, IconBook2, IconChartHistogram, IconForms, IconGitBranch, IconHandStop, IconListCheck, IconMailbox, IconMailForward, IconMailOff, IconPlayerPlay, IconSettings,
  IconTicket, IconTemplate,
} from "@tabler/icons-react";
import { texts } from "./texts";

const words = texts.navigation;

/** The navigation from top to bottom; a screen that does not exist is not in it, and one that asks for a role (`from`) is there for those who have it. */
export const navigation = [
  [
    { to: "/", label: words.overview, icon: IconChartHistogram },
    { to: "/workflows", label: words.workflows, icon: IconGitBranch },
    { to: "/executions", label: words.executions, icon: IconPlayerPlay },
    { to: "/jobs", label: words.jobs, icon: IconListCheck },
    { to: "/templates", label: words.templates, icon: IconTemplate },
  ],
  [
    { to: "/forms", label: words.forms, icon: IconForms },
    { to: "/invitations", label: words.invitations, icon: IconMailForward },
    { to: "/contacts", label: words.contacts, icon: IconAddressBook },
    { to: "/tickets", label: words.tickets, icon: IconTicket },
    { to: "/approvals", label: words.approvals, icon: IconHandStop },
    { to: "/notifications", label: words.notifications, icon: IconBell },
    { to: "/outbox", label: words.outbox, icon: IconMailbox },
    { to: "/suppressions", label: words.suppressions, icon: IconMailOff, from: "editor" },
  ],
  [{ to: "/settings", label: words.settings, icon: IconSettings }],
] as const;

export const referenceIcon = IconBook2;
