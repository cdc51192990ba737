import { Pencil } from "lucide-react";
import { useState } from "react";

import type { Deployment } from "@/api/deployments";
import { Facts } from "@/components/Facts";
import { Json } from "@/components/Json";
import { Ago } from "@/components/Moment";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { EditDeployment } from "@/features/deployments/EditDeployment";

/** How runs of a deployment execute, and its form. */
export function ConfigurationTab({ deployment }: { deployment: Deployment }) {
  const { spec } = deployment;
  const [editing, setEditing] = useState(false);
  const text = (value: number | null | undefined): string | null => value?.toString() ?? null;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Card
        title="How its runs execute"
        aside={
          <Button size="small" onClick={() => setEditing(true)}>
            <Pencil size={13} aria-hidden /> Edit …
          </Button>
        }
      >
        <Facts
          rows={[
            ["Work pool", spec.pool ?? "none; the process that serves it"],
            ["Queue", spec.queue ?? (spec.pool == null ? null : "the pool's default")],
            ["Priority", text(spec.priority ?? 0)],
            ["At once", spec.concurrency_limit == null ? "no limit" : `${spec.concurrency_limit} runs`],
            ["When full", (spec.collision_strategy ?? "queue").replaceAll("_", " ")],
            [
              "Start deadline",
              spec.start_deadline == null ? null : `${spec.start_deadline} s after it was due`,
            ],
            ["Retries", text(spec.retries)],
            ["Crash retries", text(spec.crash_retries)],
            ["Launcher", spec.launcher ?? "as the pool says"],
            [
              "Fairness key",
              spec.fairness_key == null ? null : `${spec.fairness_key} (weight ${spec.weight ?? 1})`,
            ],
            ["Parameters checked", spec.enforce_parameter_schema === false ? "no" : "yes"],
            ["Created", <Ago key="created" at={deployment.created} />],
            ["Changed", <Ago key="changed" at={deployment.updated} />],
            [
              "Id",
              <code key="id" className="font-mono text-xs">
                {deployment.id}
              </code>,
            ],
          ]}
        />
      </Card>
      <div className="min-w-0 space-y-4">
        <Card title="Code">
          <Json value={spec.code} />
        </Card>
        {spec.environment != null && (
          <Card title="Environment">
            <Json value={spec.environment} />
          </Card>
        )}
        {Object.keys(spec.job_variables ?? {}).length > 0 && (
          <Card title="Job variables">
            <Json value={spec.job_variables} />
          </Card>
        )}
        {Object.keys(spec.labels ?? {}).length > 0 && (
          <Card title="Labels">
            <Json value={spec.labels} />
          </Card>
        )}
      </div>
      {editing && <EditDeployment deployment={deployment} onClose={() => setEditing(false)} />}
    </div>
  );
}
