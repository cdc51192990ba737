import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { toast } from "sonner";

import type { FlowRun } from "@/api/flowRuns";
import { subflowCount, useCancelRun, useDeleteRun } from "@/api/flowRunActions";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";

interface SureProps {
  run: FlowRun;
  onClose: () => void;
}

function counted(number: number, what: string): string {
  return `${number.toLocaleString()} ${what}${number === 1 ? "" : "s"}`;
}

/** Stop a run, after it was said what that means. */
export function CancelDialog({ run, onClose }: SureProps) {
  const cancel = useCancelRun(run.id);
  const executes = run.state_type === "RUNNING" || run.state_type === "PENDING";
  const begin = (): void =>
    cancel.mutate(undefined, {
      onSuccess: (decision) => {
        onClose();
        toast.success(
          decision.state_type === "CANCELLED"
            ? "It is cancelled."
            : "It is asked to stop; its process was told.",
        );
      },
    });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Cancel ${run.name}?`}
      description={
        executes
          ? "It is asked to stop now, with its subflow runs, and killed after its grace period."
          : "Nobody executes it, so it ends at once, with its subflow runs."
      }
      footer={
        <>
          <Button onClick={onClose}>Leave it</Button>
          <Button look="danger" disabled={cancel.isPending} onClick={begin}>
            Cancel the run
          </Button>
        </>
      }
    >
      {cancel.error !== null && <Trouble problem={cancel.error} />}
    </Dialog>
  );
}

/** What a deletion takes with it, as the server counted it. */
export function gone(counts: Record<string, number>): string {
  const parts = [
    [(counts["flow_runs"] ?? 1) - 1, "subflow run"],
    [counts["task_runs"] ?? 0, "task run"],
    [counts["logs"] ?? 0, "line of log"],
    [counts["artifacts"] ?? 0, "artifact"],
  ] as const;
  const said = parts
    .filter(([number]) => number > 0)
    .map(([number, what]) =>
      what === "line of log"
        ? `${number.toLocaleString()} line${number === 1 ? "" : "s"} of log`
        : counted(number, what),
    );
  return said.length === 0 ? "" : ` With it went ${said.join(", ")}.`;
}

/** Delete a run for good, after it was said what goes with it. */
export function DeleteDialog({ run, onClose }: SureProps) {
  const subflows = useQuery(subflowCount(run.id));
  const remove = useDeleteRun(run.id);
  const navigate = useNavigate();
  const begin = (): void =>
    remove.mutate(undefined, {
      onSuccess: (counts) => {
        onClose();
        toast.success(`${run.name} is deleted.${gone(counts)}`);
        void navigate({ to: "/runs" });
      },
    });
  const below = subflows.data?.count ?? 0;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Delete ${run.name}?`}
      description="It cannot be undone. Results that were kept in files stay until they are cleaned up."
      footer={
        <>
          <Button onClick={onClose}>Leave it</Button>
          <Button look="danger" disabled={remove.isPending} onClick={begin}>
            Delete
          </Button>
        </>
      }
    >
      <div className="space-y-2 text-sm">
        <p>
          Its task runs, logs and artifacts go with it
          {below > 0 && (
            <>
              , and <strong>{counted(below, "subflow run")}</strong> with theirs
            </>
          )}
          .
        </p>
        {remove.error !== null && <Trouble problem={remove.error} />}
      </div>
    </Dialog>
  );
}
