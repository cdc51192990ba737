import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Trash2, X } from "lucide-react";
import { useState } from "react";

import { type Artifact, artifactList, useDeleteArtifact } from "@/api/artifacts";
import { ArtifactView } from "@/components/ArtifactView";
import { At } from "@/components/Moment";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Select } from "@/components/ui/input";
import { Confirm } from "@/components/Confirm";
import { shortTime } from "@/lib/time";

interface ArtifactPanelProps {
  artifactKey: string | null;
  id: string | null;
  version: string | null;
  beside: string | null;
  onChoose: (version: string | null, beside: string | null) => void;
  onClose: () => void;
}

/** The versions of a key, one of them or two side by side. */
export function ArtifactPanel({ artifactKey, id, version, beside, onChoose, onClose }: ArtifactPanelProps) {
  const found = useInfiniteQuery(
    artifactList(artifactKey === null ? { ids: [id ?? ""] } : { keys: [artifactKey] }),
  );
  const remove = useDeleteArtifact();
  const [doomed, setDoomed] = useState<Artifact | null>(null);
  const versions = found.data?.pages.flatMap((page) => page.items) ?? [];
  const shown = versions.find((one) => one.id === version) ?? versions[0];
  const other = beside === null ? undefined : versions.find((one) => one.id === beside);
  const { hasNextPage, fetchNextPage } = found;
  return (
    <div className="min-w-0 space-y-3">
      <div className="flex flex-wrap items-center gap-2">
        <h2 className="min-w-0 flex-1 text-base font-semibold break-all">
          {artifactKey ?? "Artifact without a key"}
        </h2>
        {versions.length > 1 && (
          <>
            <Versions
              label="Version"
              versions={versions}
              value={shown?.id ?? ""}
              onChange={(one) => onChoose(one === versions[0]?.id ? null : one, beside)}
            />
            <Versions
              label="Compare with"
              versions={versions.filter((one) => one.id !== shown?.id)}
              value={other?.id ?? ""}
              none="Compare with …"
              onChange={(one) => onChoose(version, one === "" ? null : one)}
            />
          </>
        )}
        {hasNextPage && (
          <Button size="small" onClick={() => void fetchNextPage()}>
            Older versions
          </Button>
        )}
        <Button look="ghost" size="icon" aria-label="Close the artifact" onClick={onClose}>
          <X size={16} />
        </Button>
      </div>
      {found.isPending && <Loading />}
      {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
      {found.data !== undefined && shown === undefined && (
        <Empty title="This artifact is not there (any more)." />
      )}
      <div className={other === undefined ? "" : "grid items-start gap-3 xl:grid-cols-2"}>
        {other !== undefined && <Version artifact={other} onDelete={() => setDoomed(other)} />}
        {shown !== undefined && <Version artifact={shown} onDelete={() => setDoomed(shown)} />}
      </div>
      <Confirm
        open={doomed !== null}
        onOpenChange={(open) => {
          if (open) return;
          setDoomed(null);
          remove.reset();
        }}
        title="Delete this version of the artifact?"
        text="Other versions of its key stay. This cannot be undone."
        action="Delete"
        busy={remove.isPending}
        problem={remove.error}
        onConfirm={() => {
          if (doomed !== null) remove.mutate(doomed.id, { onSuccess: () => setDoomed(null) });
        }}
      />
    </div>
  );
}

interface VersionsProps {
  label: string;
  versions: readonly Artifact[];
  value: string;
  none?: string;
  onChange: (id: string) => void;
}

function Versions({ label, versions, value, none, onChange }: VersionsProps) {
  return (
    <Select aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
      {none !== undefined && <option value="">{none}</option>}
      {versions.map((one) => (
        <option key={one.id} value={one.id}>
          {shortTime(new Date(one.created))}
        </option>
      ))}
    </Select>
  );
}

function Version({ artifact, onDelete }: { artifact: Artifact; onDelete: () => void }) {
  return (
    <Card
      title={<At at={artifact.created} />}
      aside={
        <span className="flex flex-wrap items-center gap-3 text-xs">
          {artifact.flow_run_id != null && (
            <Link
              to="/runs/$run"
              params={{ run: artifact.flow_run_id }}
              className="text-accent hover:underline"
            >
              Flow run
            </Link>
          )}
          {artifact.task_run_id != null && (
            <Link
              to="/task-runs/$task"
              params={{ task: artifact.task_run_id }}
              className="text-accent hover:underline"
            >
              Task run
            </Link>
          )}
          <Button look="ghost" size="icon" aria-label="Delete this version" onClick={onDelete}>
            <Trash2 size={14} />
          </Button>
        </span>
      }
    >
      <div className="p-4">
        {artifact.description != null && <p className="mb-3 text-sm text-ink-2">{artifact.description}</p>}
        <ArtifactView type={artifact.type} data={artifact.data} />
      </div>
    </Card>
  );
}
