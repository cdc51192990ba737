import { useNavigate } from "@tanstack/react-router";
import { EllipsisVertical, Play } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";

import { type Deployment, useChangeDeployment, useDeleteDeployment } from "@/api/deployments";
import { Button } from "@/components/ui/button";
import { Menu, MenuItem } from "@/components/ui/menu";
import { RunDialog } from "@/features/deployments/RunDialog";
import { Confirm } from "@/components/Confirm";

export function DeploymentActions({ deployment }: { deployment: Deployment }) {
  const [running, setRunning] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const change = useChangeDeployment(deployment.id);
  const remove = useDeleteDeployment(deployment.id);
  const navigate = useNavigate();
  const paused = deployment.paused === true;
  const full = `${deployment.flow_name}/${deployment.name}`;
  return (
    <>
      <Button
        disabled={change.isPending}
        onClick={() =>
          change.mutate(
            { paused: !paused },
            {
              onSuccess: () =>
                toast.success(
                  paused ? `${full} runs on its schedules again.` : `The schedules of ${full} stand still.`,
                ),
            },
          )
        }
      >
        {paused ? "Go on" : "Pause"}
      </Button>
      <Button look="primary" onClick={() => setRunning(true)}>
        <Play size={14} aria-hidden /> Run
      </Button>
      <Menu
        trigger={
          <Button size="icon" aria-label="More to do with this deployment">
            <EllipsisVertical size={16} />
          </Button>
        }
      >
        <MenuItem danger onSelect={() => setDeleting(true)}>
          Delete …
        </MenuItem>
      </Menu>
      {running && <RunDialog deployment={deployment} onClose={() => setRunning(false)} />}
      <Confirm
        open={deleting}
        onOpenChange={setDeleting}
        title={`Delete ${full}?`}
        text="Its schedules and versions go with it. Runs of it that wait are cancelled; all others stay."
        action="Delete"
        busy={remove.isPending}
        problem={remove.error}
        onConfirm={() => remove.mutate(undefined, { onSuccess: () => void navigate({ to: "/deployments" }) })}
      />
    </>
  );
}
