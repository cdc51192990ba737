import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { type Deployment, deployment as deploymentQuery } from "@/api/deployments";
import { Tags } from "@/components/Facts";
import { Loading, Trouble } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { TabPanel, Tabs } from "@/components/ui/tabs";
import { BackfillsTab } from "@/features/deployments/BackfillsTab";
import { ConfigurationTab } from "@/features/deployments/ConfigurationTab";
import { DeploymentActions } from "@/features/deployments/DeploymentActions";
import { ParametersTab } from "@/features/deployments/ParametersTab";
import { RunsTab } from "@/features/deployments/RunsTab";
import { SchedulesTab } from "@/features/deployments/SchedulesTab";
import { UpcomingTab } from "@/features/deployments/UpcomingTab";
import { useDeploymentsLive } from "@/features/deployments/useDeploymentsLive";
import { VersionsTab } from "@/features/deployments/VersionsTab";
import { PoolStatus } from "@/features/pools/PoolStatus";

const route = getRouteApi("/shell/deployments/$deployment");

const TABS: Record<string, { label: string; panel: (deployment: Deployment) => ReactNode }> = {
  runs: { label: "Runs", panel: (one) => <RunsTab deployment={one} /> },
  upcoming: { label: "Upcoming", panel: (one) => <UpcomingTab deployment={one} /> },
  schedules: { label: "Schedules", panel: (one) => <SchedulesTab deployment={one} /> },
  versions: { label: "Versions", panel: (one) => <VersionsTab deployment={one} /> },
  backfills: { label: "Backfills", panel: (one) => <BackfillsTab deployment={one} /> },
  parameters: { label: "Parameters", panel: (one) => <ParametersTab deployment={one} /> },
  configuration: { label: "Configuration", panel: (one) => <ConfigurationTab deployment={one} /> },
};

export function DeploymentPage() {
  const { deployment: id } = route.useParams();
  const { tab = "runs" } = route.useSearch();
  const navigate = route.useNavigate();
  const found = useQuery(deploymentQuery(id));
  useDeploymentsLive();
  const one = found.data;
  if (one === undefined) {
    return found.error === null ? (
      <Loading rows={6} />
    ) : (
      <Trouble problem={found.error} retry={() => void found.refetch()} />
    );
  }
  const shown = tab in TABS ? tab : "runs";
  return (
    <>
      <PageHeader
        title={
          <>
            <span className="min-w-0 break-words">
              <Link
                to="/runs"
                search={{ flow: [one.flow_name] }}
                className="font-normal text-ink-2 hover:underline"
              >
                {one.flow_name}
              </Link>
              <span className="font-normal text-ink-3"> / </span>
              {one.name}
            </span>
            <PoolStatus status={one.paused === true ? "paused" : one.status} />
          </>
        }
        tab={`${one.flow_name} / ${one.name}`}
        crumbs={[{ to: "/deployments", text: "Deployments" }]}
        actions={<DeploymentActions deployment={one} />}
        below={<About deployment={one} />}
      />
      {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
      <Tabs
        tabs={Object.entries(TABS).map(([value, { label }]) => ({ value, label }))}
        value={shown}
        onChange={(value) => void navigate({ search: { tab: value }, replace: true })}
        label="About this deployment"
      >
        <TabPanel value={shown}>{TABS[shown]?.panel(one)}</TabPanel>
      </Tabs>
    </>
  );
}

function About({ deployment }: { deployment: Deployment }) {
  const { spec } = deployment;
  return (
    <div className="space-y-1 text-sm text-ink-2">
      {spec.description != null && <p>{spec.description}</p>}
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-ink-3">
        <span>
          {spec.pool == null ? (
            "served by its process"
          ) : (
            <>
              pool{" "}
              <Link
                to="/work-pools/$pool"
                params={{ pool: spec.pool }}
                className="text-ink-2 hover:underline"
              >
                {spec.pool}
              </Link>
            </>
          )}
        </span>
        <span>
          version {deployment.live}
          {spec.version != null && ` (${spec.version})`}
        </span>
        <span className="tabular-nums">
          {deployment.active ?? 0} running, {deployment.waiting ?? 0} waiting
        </span>
        <Tags tags={spec.tags} />
      </p>
    </div>
  );
}
