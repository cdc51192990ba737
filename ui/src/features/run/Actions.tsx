import { useNavigate } from "@tanstack/react-router";
import { MoreHorizontal } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";

import { type FlowRun, type RunAction, useRunAction } from "@/api/flowRuns";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Menu, MenuItem, MenuLine } from "@/components/ui/menu";
import { SetState } from "@/features/run/SetState";
import { isFinal } from "@/lib/states";

const SURE: Partial<Record<RunAction, { title: string; does: string }>> = {
  cancel: { title: "Cancel this run?", does: "It is asked to stop now, and killed after its grace period." },
  delete: {
    title: "Delete this run?",
    does: "Its task runs, logs and artifacts go with it. This cannot be undone.",
  },
};

const TOLD: Record<RunAction, string> = {
  cancel: "It was asked to stop.",
  retry: "It runs again; what it had completed is reused.",
  resume: "It goes on.",
  suspend: "It was asked to suspend.",
  fork: "A new run starts from what this one has done.",
  delete: "It is deleted.",
};

/** What can be done with a run in the state in which it is. */
export function Actions({ run }: { run: FlowRun }) {
  const act = useRunAction(run.id);
  const navigate = useNavigate();
  const [sure, setSure] = useState<RunAction | null>(null);
  const [setting, setSetting] = useState(false);
  const ended = isFinal(run.state_type);
  const begin = (action: RunAction): void => {
    setSure(null);
    act.mutate(action, {
      onSuccess: (made) => {
        toast.success(TOLD[action]);
        if (made !== null) void navigate({ to: "/runs/$run", params: { run: made.id } });
        else if (action === "delete") void navigate({ to: "/runs" });
      },
    });
  };
  const asked = sure === null ? undefined : SURE[sure];
  return (
    <>
      {run.state_type === "PAUSED" && (
        <Button look="primary" disabled={act.isPending} onClick={() => begin("resume")}>
          Resume
        </Button>
      )}
      {ended && run.state_type !== "COMPLETED" && (
        <Button look="primary" disabled={act.isPending} onClick={() => begin("retry")}>
          Retry from where it failed
        </Button>
      )}
      {!ended && (
        <Button disabled={act.isPending} onClick={() => setSure("cancel")}>
          Cancel
        </Button>
      )}
      <Menu
        trigger={
          <Button size="icon" aria-label="More actions">
            <MoreHorizontal size={16} />
          </Button>
        }
      >
        {run.state_type === "RUNNING" && <MenuItem onSelect={() => begin("suspend")}>Suspend</MenuItem>}
        {ended && (
          <MenuItem onSelect={() => begin("fork")}>Fork: a new run that reuses what this one did</MenuItem>
        )}
        <MenuItem onSelect={() => setSetting(true)}>Change the state …</MenuItem>
        <MenuItem onSelect={() => void navigator.clipboard.writeText(run.id)}>Copy the id</MenuItem>
        <MenuLine />
        <MenuItem danger disabled={!ended} onSelect={() => setSure("delete")}>
          Delete …
        </MenuItem>
      </Menu>
      <Dialog
        open={asked !== undefined}
        onOpenChange={(open) => !open && setSure(null)}
        title={asked?.title ?? ""}
        description={asked?.does}
        footer={
          <>
            <Button onClick={() => setSure(null)}>Leave it</Button>
            <Button look="danger" onClick={() => sure !== null && begin(sure)}>
              {sure === "delete" ? "Delete" : "Cancel the run"}
            </Button>
          </>
        }
      />
      {setting && <SetState run={run} onClose={() => setSetting(false)} />}
    </>
  );
}
