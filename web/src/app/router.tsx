import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { type Filters, tidy } from "../ui/filters";
import { EmptyState, RowsLoading } from "../ui/states";
import { Failed } from "./ErrorBoundary";
import { Shell } from "./Shell";
import { texts } from "./texts";
import { ButtonLink } from "../ui/links";

const words = texts.missing;

const root = createRootRoute({
  component: Shell,
  validateSearch: (search): Filters => Object.fromEntries(Object.entries(search).map(([name, value]) => [name, String(value)])),
  notFoundComponent: () => (
    <EmptyState title={words.title} hint={words.hint} action={<ButtonLink to="/">{words.action}</ButtonLink>} />
  ),
});

/** Each screen is loaded when it is first opened, with the others of its feature. */
const overview = () => import("../features/overview");
const workflows = () => import("../features/workflows");
const executions = () => import("../features/executions");
const jobs = () => import("../features/jobs");
const templates = () => import("../features/templates");
const data = () => import("../features/data");
const settings = () => import("../features/settings");
const approvals = () => import("../features/approvals");
const builder = () => import("../features/builder");

const at = { getParentRoute: () => root };
const tree = root.addChildren([
  createRoute({ ...at, path: "/", component: lazyRouteComponent(overview, "OverviewScreen") }),
  createRoute({ ...at, path: "/workflows", component: lazyRouteComponent(workflows, "WorkflowsScreen") }),
  createRoute({ ...at, path: "/workflows/$workflowId", component: lazyRouteComponent(workflows, "WorkflowScreen") }),
  createRoute({ ...at, path: "/workflows/$workflowId/edit", component: lazyRouteComponent(builder, "BuilderPage") }),
  createRoute({ ...at, path: "/workflows/$workflowId/versions", component: lazyRouteComponent(workflows, "VersionsScreen") }),
  createRoute({ ...at, path: "/executions", component: lazyRouteComponent(executions, "ExecutionsScreen") }),
  createRoute({ ...at, path: "/executions/$executionId", component: lazyRouteComponent(executions, "ExecutionScreen") }),
  createRoute({ ...at, path: "/jobs", component: lazyRouteComponent(jobs, "JobsScreen") }),
  createRoute({ ...at, path: "/templates", component: lazyRouteComponent(templates, "TemplatesScreen") }),
  createRoute({ ...at, path: "/forms", component: lazyRouteComponent(data, "FormsScreen") }),
  createRoute({ ...at, path: "/forms/$formId", component: lazyRouteComponent(data, "FormScreen") }),
  createRoute({ ...at, path: "/forms/$formId/answers", component: lazyRouteComponent(data, "AnswersScreen") }),
  createRoute({ ...at, path: "/submissions/$submissionId", component: lazyRouteComponent(data, "SubmissionScreen") }),
  createRoute({ ...at, path: "/invitations", component: lazyRouteComponent(data, "InvitationsScreen") }),
  createRoute({ ...at, path: "/contacts", component: lazyRouteComponent(data, "ContactsScreen") }),
  createRoute({ ...at, path: "/tickets", component: lazyRouteComponent(data, "TicketsScreen") }),
  createRoute({ ...at, path: "/approvals", component: lazyRouteComponent(approvals, "ApprovalsScreen") }),
  createRoute({ ...at, path: "/notifications", component: lazyRouteComponent(data, "NotificationsScreen") }),
  createRoute({ ...at, path: "/outbox", component: lazyRouteComponent(data, "OutboxScreen") }),
  createRoute({ ...at, path: "/suppressions", component: lazyRouteComponent(data, "SuppressionsScreen") }),
  createRoute({ ...at, path: "/settings", component: lazyRouteComponent(settings, "SettingsScreen") }),
]);

export const router = createRouter({
  routeTree: tree,
  // Filters are text in the address, as the API takes them: ?status=failed, not ?status=%22failed%22.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search: Filters) => {
    const text = new URLSearchParams(Object.entries(tidy(search)).map(([name, value]) => [name, value ?? ""])).toString();
    return text && `?${text}`;
  },
  defaultPreload: "intent",
  defaultPendingComponent: () => <RowsLoading />,
  defaultErrorComponent: ({ error }) => <Failed error={error} />,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
