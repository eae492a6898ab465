// The icons that the catalogue names. An unknown name gets a plain one, so that a newer server's steps are drawn too.
import {
  IconArrowsSplit2, IconBell, IconBellPause, IconBolt, IconBrandSlack, IconBrandTeams, IconBox, IconChartLine, IconChecks, IconClock, IconClockPause, IconEdit, IconFilter, IconGitBranch, IconHandClick, IconHandStop, IconHourglass, IconMail, IconPlayerStop, IconPlugConnected,
  IconRepeat, IconRotateClockwise2, IconRoute, IconSitemap, IconSubtask, IconTag, IconTicket, IconUserCheck, IconUserEdit, IconUserX, IconVariable, IconWebhook, type Icon,
} from "@tabler/icons-react";

const ICONS: Record<string, Icon> = {
  "clock-pause": IconClockPause, webhook: IconWebhook, "plug-connected": IconPlugConnected, bell: IconBell, mail: IconMail, tag: IconTag, ticket: IconTicket, "user-edit": IconUserEdit, edit: IconEdit,
  "bell-pause": IconBellPause, "brand-slack": IconBrandSlack, "brand-teams": IconBrandTeams, bolt: IconBolt, clock: IconClock, "git-branch": IconGitBranch, "arrows-split": IconArrowsSplit2, "arrows-split-2": IconArrowsSplit2, repeat: IconRepeat, rotate: IconRotateClockwise2, hourglass: IconHourglass, route: IconRoute, variable: IconVariable,
  "chart-line": IconChartLine, "user-x": IconUserX, filter: IconFilter, "player-stop": IconPlayerStop, "hand-stop": IconHandStop, "hand-click": IconHandClick, "user-check": IconUserCheck, checks: IconChecks, subtask: IconSubtask, sitemap: IconSitemap,
};
const BY_TYPE: Record<string, Icon> = {
  branch: IconGitBranch, for_each: IconRepeat, repeat: IconRotateClockwise2, parallel: IconArrowsSplit2, wait: IconClock, wait_for_event: IconHourglass, approval: IconHandStop,
  run_workflow: IconRoute, set: IconVariable, filter: IconFilter, stop: IconPlayerStop,
};

export function iconOf(name: string | undefined, type: string): Icon {
  return (name === undefined ? undefined : ICONS[name]) ?? BY_TYPE[type] ?? IconBox;
}
