const roles = { viewer: "Viewer", editor: "Editor", admin: "Administrator" };

export const texts = {
  title: "Settings",
  tabs: { account: "My account", people: "People", keys: "API keys", connections: "Connections", company: "Company", tickets: "Tickets", email: "Email", alerts: "Alerts" },
  roles,
  roleHint: "Viewers read, with personal answers masked. Editors change workflows and records. Administrators also manage people, keys and settings.",
  saved: "Saved.",
  onlyAdmins: "Only administrators change these.",
  account: { name: "Name", timeZone: "Time zone", timeZoneHint: "Such as Europe/Berlin. Empty: as the browser says.", password: "New password", current: "Present password", change: "Change the password", changed: "The password was changed. Your other sessions have ended.", you: "Signed in as" },
  away: {
    title: "Absence", isAway: "Away", hint: "Whoever is away gets no tickets in turn. It counts in this company.",
    from: "From", fromHint: "Empty: from now on.", until: "Until", untilHint: "Empty: until this is switched off.",
  },
  people: {
    one: "Person", edit: "Change or set away",
    invite: "Invite", email: "Email", name: "Name", role: "Role", added: "Added", actions: "Actions", remove: "Remove", link: "Sign-in link", new: "Invite a person",
    linkTitle: "Sign-in link", linkHint: "Good once, for a short time. Send it to the person; whoever opens it is signed in.", copy: "Copy the link", copied: "Copied",
    removeConfirm: (name: string) => ({ title: `Remove ${name}?`, text: "They can no longer sign in to this company. What they did stays.", action: "Remove" }), removed: "Removed.", invited: "Invited. Make a sign-in link for them.",
    menu: (name: string) => `Actions for ${name}`,
  },
  keys: {
    new: "New key", name: "Used for", role: "Role", prefix: "Begins with", used: "Last used", never: "Never", actions: "Actions", revoke: "Revoke",
    made: "The key", madeHint: "Copy it now: it is shown only once.", copy: "Copy the key", copied: "Copied",
    revokeConfirm: (name: string) => ({ title: `Revoke “${name}”?`, text: "Programs that use it are refused from now on.", action: "Revoke" }), revoked: "Revoked.",
    empty: { title: "No keys yet", hint: "A program that posts events needs one." },
  },
  connections: {
    new: "New connection", name: "Name", provider: "System", status: "State", actions: "Actions", test: "Test", works: "It works.", fails: (why: string) => `It does not work: ${why}`, remove: "Delete",
    authorize: "Connect", secrets: "Secrets", secretsHint: "Stay as they are when left empty.", set: "is set", edit: "Connection",
    removeConfirm: (name: string) => ({ title: `Delete “${name}”?`, text: "Steps that use it fail from now on.", action: "Delete" }), removed: "Deleted.",
    empty: { title: "No connections yet", hint: "A connection is a system that steps can call: a CRM, a helpdesk, anything that takes JSON over HTTP." },
    statuses: { ok: "Works", failing: "Fails", untried: "Not tested", expired: "Expired", revoked: "Not let in", rate_limited: "Paused" } as Record<string, string>,
  },
  company: {
    time_zone: "Time zone", retention_days: "Keep history for (days)",
    webhooks: "Webhooks", webhook_hosts: "Hosts that may be called", webhookHint: "Empty: all public ones.", quiet: "Quiet hours", from: "From", to: "To",
    holidays: "Holidays", holidaysHint: "Days such as 2026-12-25", week: "Working hours", closed: "Closed",
    days: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    badHours: (day: string) => `${day}: write hours as 09:00-17:00`,
  },
  deadlines: {
    title: "When tickets are due", hint: "An open ticket is to be answered in this time, by the clock. When it is due soon, and when its time is over, that starts workflows which can tell somebody.", templates: "There is a template",
    dueIn: "Time by priority", never: "Not due",
    priorities: { urgent: "Urgent", high: "High", normal: "Normal", low: "Low" },
    warning: "Warning", warn_percent: "Warn when this share of the time is over (%)", warnHint: "100: no warning. What changes here counts for tickets that are opened, or change their priority, from then on.",
  },
  alerts: {
    enabled: "Warn about trouble", failure_rate_percent: "More than this share of executions fails in an hour (%)", average_duration_seconds: "Executions take longer on average (seconds)",
    running_minutes: "An execution runs for longer (minutes)", retries_exhausted: "An execution fails after all its retries", email: "Also by email to", webhook: "Also by webhook to",
  },
  save: "Save",
  create: "Create",
};
