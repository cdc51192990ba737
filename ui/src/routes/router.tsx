import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Link,
  redirect,
} from "@tanstack/react-router";

import { messageOf, whenSignedOut } from "@/api/client";
import { queryClient } from "@/api/queryClient";
import { session } from "@/api/session";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Shell } from "@/components/Shell";
import { keepRunFilters, readRange } from "@/lib/filters";

const root = createRootRoute({
  notFoundComponent: () => (
    <Empty title="There is no such page.">
      <Link to="/" className="underline">
        To the dashboard
      </Link>
    </Empty>
  ),
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { back: string; ended?: boolean } => ({
    back: typeof search["back"] === "string" ? search["back"] : "/",
    ...(search["ended"] === true ? { ended: true } : {}),
  }),
  component: lazyRouteComponent(() => import("@/features/session/SignIn"), "SignIn"),
});

const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  component: Shell,
  beforeLoad: async ({ location }) => {
    // Whether the server wants to know who asks; a server that is away says so on the page itself.
    const known = await queryClient.query(session()).catch((problem: unknown) => {
      console.warn(messageOf(problem));
      return null;
    });
    if (known?.known === false) throw redirect({ to: "/sign-in", search: { back: location.href } });
  },
});

const dashboard = createRoute({
  getParentRoute: () => shell,
  path: "/",
  validateSearch: readRange,
  component: lazyRouteComponent(() => import("@/features/dashboard/DashboardPage"), "DashboardPage"),
});

const runs = createRoute({
  getParentRoute: () => shell,
  path: "/runs",
  validateSearch: keepRunFilters,
  component: lazyRouteComponent(() => import("@/features/runs/RunsPage"), "RunsPage"),
});

interface RunSearch {
  tab?: string;
  from?: string;
  /** How the graph lies, and the node in it that is selected. */
  layout?: "time" | "dependencies";
  node?: string;
}

export const runRoute = createRoute({
  getParentRoute: () => shell,
  path: "/runs/$run",
  validateSearch: (search: Record<string, unknown>): RunSearch => ({
    ...(typeof search["tab"] === "string" ? { tab: search["tab"] } : {}),
    ...(search["layout"] === "time" || search["layout"] === "dependencies"
      ? { layout: search["layout"] }
      : {}),
    ...(typeof search["node"] === "string" ? { node: search["node"] } : {}),
    // A task to run again from, by its key or by the id of a task run; empty: the dialog alone.
    ...(typeof search["from"] === "string" ? { from: search["from"] } : {}),
  }),
  component: lazyRouteComponent(() => import("@/features/run/RunPage"), "RunPage"),
});

export const taskRunRoute = createRoute({
  getParentRoute: () => shell,
  path: "/task-runs/$task",
  component: lazyRouteComponent(() => import("@/features/taskRun/TaskRunPage"), "TaskRunPage"),
});

const flows = createRoute({
  getParentRoute: () => shell,
  path: "/flows",
  component: lazyRouteComponent(() => import("@/features/flows/FlowsPage"), "FlowsPage"),
});

const deployments = createRoute({
  getParentRoute: () => shell,
  path: "/deployments",
  component: lazyRouteComponent(() => import("@/features/deployments/DeploymentsPage"), "DeploymentsPage"),
});

export const deploymentRoute = createRoute({
  getParentRoute: () => shell,
  path: "/deployments/$deployment",
  validateSearch: (search: Record<string, unknown>): { tab?: string } =>
    typeof search["tab"] === "string" ? { tab: search["tab"] } : {},
  component: lazyRouteComponent(() => import("@/features/deployments/DeploymentPage"), "DeploymentPage"),
});

const pools = createRoute({
  getParentRoute: () => shell,
  path: "/work-pools",
  component: lazyRouteComponent(() => import("@/features/pools/PoolsPage"), "PoolsPage"),
});

export const poolRoute = createRoute({
  getParentRoute: () => shell,
  path: "/work-pools/$pool",
  component: lazyRouteComponent(() => import("@/features/pools/PoolPage"), "PoolPage"),
});

const variables = createRoute({
  getParentRoute: () => shell,
  path: "/variables",
  component: lazyRouteComponent(() => import("@/features/variables/VariablesPage"), "VariablesPage"),
});

const events = createRoute({
  getParentRoute: () => shell,
  path: "/events",
  component: lazyRouteComponent(() => import("@/features/events/EventsPage"), "EventsPage"),
});

const concurrency = createRoute({
  getParentRoute: () => shell,
  path: "/concurrency",
  component: lazyRouteComponent(() => import("@/features/concurrency/ConcurrencyPage"), "ConcurrencyPage"),
});

const artifacts = createRoute({
  getParentRoute: () => shell,
  path: "/artifacts",
  component: lazyRouteComponent(() => import("@/features/artifacts/ArtifactsPage"), "ArtifactsPage"),
});

const settings = createRoute({
  getParentRoute: () => shell,
  path: "/settings",
  component: lazyRouteComponent(() => import("@/features/settings/SettingsPage"), "SettingsPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    shell.addChildren([
      dashboard,
      runs,
      runRoute,
      taskRunRoute,
      flows,
      deployments,
      deploymentRoute,
      pools,
      poolRoute,
      variables,
      events,
      concurrency,
      artifacts,
      settings,
    ]),
  ]),
  defaultPreload: "intent",
  defaultPendingComponent: () => <Loading rows={6} />,
  defaultErrorComponent: ({ error, reset }) => <Trouble problem={error} retry={reset} />,
});

/** Milliseconds within which a page is not loaded anew twice: what is missing then is really missing. */
const RELOAD_MS = 10_000;
const RELOADED = "levada.reloaded";

// A tab that was open while the server got another version asks for parts that are not there any more.
window.addEventListener("vite:preloadError", (event) => {
  if (Date.now() - Number(sessionStorage.getItem(RELOADED) ?? 0) < RELOAD_MS) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  event.preventDefault();
  location.reload();
});

// In the middle of a page: who signs in again goes on where they were.
whenSignedOut(() => {
  const { href, pathname } = router.state.location;
  if (pathname === "/sign-in") return;
  queryClient.removeQueries({ queryKey: session().queryKey });
  void router.navigate({ to: "/sign-in", search: { back: href, ended: true } });
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
