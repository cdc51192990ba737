import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { toast } from "sonner";

import {
  type Deployment,
  type DeploymentVersion,
  usePromote,
  versions as versionsQuery,
} from "@/api/deployments";
import { Ago } from "@/components/Moment";
import { Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Select } from "@/components/ui/input";
import { shownValue, versionDifferences } from "@/features/deployments/versionDiff";
import { Confirm } from "@/components/Confirm";

/** What was deployed, newest first: which of it is live, and what two of them say differently. */
export function VersionsTab({ deployment }: { deployment: Deployment }) {
  const found = useQuery(versionsQuery(deployment.id));
  const [chosen, setChosen] = useState<[number, number] | null>(null);
  if (found.isPending) return <Loading />;
  if (found.error !== null) return <Trouble problem={found.error} retry={() => void found.refetch()} />;
  const versions = found.data.toSorted((a, b) => b.number - a.number);
  const newest = versions[0]?.number ?? 1;
  const pair = chosen ?? [versions[1]?.number ?? newest, newest];
  return (
    <div className="grid items-start gap-4 xl:grid-cols-2">
      <Card title="Versions">
        <ul>
          {versions.map((one) => (
            <li key={one.number} className="border-b border-line last:border-0">
              <VersionRow
                version={one}
                live={deployment.live}
                onCompare={() =>
                  setChosen([Math.min(one.number, deployment.live), Math.max(one.number, deployment.live)])
                }
              />
            </li>
          ))}
        </ul>
      </Card>
      <Card
        title="What changed"
        aside={
          <span className="flex items-center gap-2 text-xs">
            <VersionSelect
              label="From version"
              versions={versions}
              value={pair[0]}
              onChange={(to) => setChosen([to, pair[1]])}
            />
            <span aria-hidden>→</span>
            <VersionSelect
              label="To version"
              versions={versions}
              value={pair[1]}
              onChange={(to) => setChosen([pair[0], to])}
            />
          </span>
        }
      >
        <Diff
          before={versions.find((one) => one.number === pair[0])}
          after={versions.find((one) => one.number === pair[1])}
        />
      </Card>
    </div>
  );
}

interface VersionSelectProps {
  label: string;
  versions: DeploymentVersion[];
  value: number;
  onChange: (value: number) => void;
}

function VersionSelect({ label, versions, value, onChange }: VersionSelectProps) {
  return (
    <Select aria-label={label} value={value} onChange={(event) => onChange(Number(event.target.value))}>
      {versions.map((one) => (
        <option key={one.number} value={one.number}>
          {one.number}
        </option>
      ))}
    </Select>
  );
}

function VersionRow({
  version,
  live,
  onCompare,
}: {
  version: DeploymentVersion;
  live: number;
  onCompare: () => void;
}) {
  const [asking, setAsking] = useState(false);
  const promote = usePromote(version.deployment_id);
  const isLive = version.number === live;
  const word = version.number < live ? "Roll back" : "Promote";
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5 text-sm">
      <div className="min-w-32 flex-1">
        <p className="flex items-center gap-2">
          <span className="font-medium tabular-nums">{version.number}</span>
          {version.spec.version != null && <span className="text-ink-2">{version.spec.version}</span>}
          {isLive && <span className="rounded bg-accent-soft px-1.5 text-xs font-medium">live</span>}
        </p>
        <p className="truncate text-xs text-ink-3">
          <Ago at={version.created} />
          {version.created_by !== undefined &&
            version.created_by !== "" &&
            ` by ${version.created_by}`} · <code title={version.digest}>{version.digest.slice(0, 10)}</code>
        </p>
      </div>
      {!isLive && (
        <>
          <Button size="small" look="ghost" onClick={onCompare}>
            Compare with live
          </Button>
          <Button size="small" onClick={() => setAsking(true)}>
            {word} …
          </Button>
        </>
      )}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={`${word === "Promote" ? "Promote" : "Roll back to"} version ${version.number}?`}
        text={`Runs that are made from now on execute version ${version.number} in place of ${live}. Runs that are there already keep theirs.`}
        action={word}
        danger={false}
        busy={promote.isPending}
        problem={promote.error}
        onConfirm={() =>
          promote.mutate(version.number, {
            onSuccess: () => {
              setAsking(false);
              toast.success(`Version ${version.number} is live.`);
            },
          })
        }
      />
    </div>
  );
}

function Diff({
  before,
  after,
}: {
  before: DeploymentVersion | undefined;
  after: DeploymentVersion | undefined;
}) {
  const found = versionDifferences(before?.spec, after?.spec);
  if (found.length === 0) return <p className="px-4 py-3 text-sm text-ink-3">Nothing: they say the same.</p>;
  return (
    <dl className="divide-y divide-line text-sm">
      {found.map((one) => (
        <div key={one.path} className="space-y-1 px-4 py-2.5">
          <dt className="font-mono text-xs text-ink-3">{one.path}</dt>
          <dd className="grid gap-2 font-mono text-xs sm:grid-cols-2">
            <pre className="max-h-48 overflow-auto rounded bg-danger/8 p-1.5 break-words whitespace-pre-wrap">
              <span aria-label="before">− </span>
              {shownValue(one.before)}
            </pre>
            <pre className="max-h-48 overflow-auto rounded bg-[color-mix(in_srgb,var(--state-completed)_10%,transparent)] p-1.5 break-words whitespace-pre-wrap">
              <span aria-label="after">+ </span>
              {shownValue(one.after)}
            </pre>
          </dd>
        </div>
      ))}
    </dl>
  );
}
