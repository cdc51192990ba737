import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { toast } from "sonner";

import type { FlowRun } from "@/api/flowRuns";
import { type RerunChoice, rerunPlan, useRerun } from "@/api/flowRunActions";
import { Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Obstacle, PlanView } from "@/features/run/PlanView";
import { TaskPicker } from "@/features/run/TaskPicker";
import { isFinal } from "@/lib/states";

type Way = "resume" | "fork" | "from";

interface RerunDialogProps {
  run: FlowRun;
  /** The key of a task or the id of a task run to start from; "" for none. */
  from: string;
  onClose: () => void;
}

/** Run a run again: where from, with which code; what that would do is said before it is done. */
export function RerunDialog({ run, from, onClose }: RerunDialogProps) {
  const canResume = isFinal(run.state_type) && run.state_type !== "COMPLETED";
  const [way, setWay] = useState<Way>(from !== "" ? "from" : canResume ? "resume" : "fork");
  const [task, setTask] = useState<string | null>(from === "" ? null : from);
  const [latest, setLatest] = useState(false);
  const ready = way !== "from" || task !== null;
  const choice: RerunChoice = {
    fork: way !== "resume",
    latest,
    task_keys: way === "from" && task !== null ? [task] : [],
  };
  const found = useQuery({ ...rerunPlan(run.id, choice), enabled: ready });
  const rerun = useRerun(run.id);
  const navigate = useNavigate();
  const plan = found.data;

  const begin = (): void =>
    rerun.mutate(choice, {
      onSuccess: (made) => {
        onClose();
        if (made === null) {
          toast.success("It is scheduled again; what it had completed is reused.");
          return;
        }
        toast.success("A new run is made; this page shows it.");
        void navigate({ to: "/runs/$run", params: { run: made }, search: {} });
      },
    });
  const versions = plan?.version_live != null && plan.version_before != null;
  return (
    <Dialog
      open
      wide
      onOpenChange={(open) => !open && onClose()}
      title={`Run ${run.name} again`}
      description="What is recorded is reused, the rest is executed. Nothing is done before you say so."
      footer={
        <>
          <Button onClick={onClose}>Leave it</Button>
          <Button
            look="primary"
            disabled={
              !ready ||
              rerun.isPending ||
              found.isPlaceholderData ||
              plan === undefined ||
              plan.obstacle != null
            }
            onClick={begin}
          >
            {way === "resume" ? "Resume it" : "Make the new run"}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <fieldset className="space-y-1.5">
          <legend className="mb-1 text-sm font-medium">How</legend>
          <Choice
            name="way"
            checked={way === "resume"}
            disabled={!canResume}
            onChoose={() => setWay("resume")}
            title="Resume this run from where it failed"
            says={
              canResume
                ? "The same run goes on, in its next epoch."
                : run.state_type === "COMPLETED"
                  ? "It has completed: nothing is left to do."
                  : "It has not ended."
            }
          />
          <Choice
            name="way"
            checked={way === "fork"}
            onChoose={() => setWay("fork")}
            title="A new run that reuses what this one has done"
            says="This run stays as it is."
          />
          <Choice
            name="way"
            checked={way === "from"}
            onChoose={() => setWay("from")}
            title="A new run from a task of your choice"
            says="That task and all that depends on it run again, though they completed."
          />
        </fieldset>
        {way === "from" && <TaskPicker run={run.id} value={task} onChange={setTask} />}
        {versions && (
          <fieldset className="space-y-1.5">
            <legend className="mb-1 text-sm font-medium">With which code</legend>
            <Choice
              name="code"
              checked={!latest}
              onChoose={() => setLatest(false)}
              title={`The same: version ${plan.version_before}`}
              says="What the run was made with."
            />
            <Choice
              name="code"
              checked={latest}
              disabled={plan.version_live === plan.version_before}
              onChoose={() => setLatest(true)}
              title={`The latest: version ${plan.version_live}`}
              says={
                plan.version_live === plan.version_before
                  ? "That is the same version."
                  : "Calls that it still makes with the same inputs are reused."
              }
            />
          </fieldset>
        )}
        {!ready ? (
          <p className="text-sm text-ink-3">Choose a task to see what would be done.</p>
        ) : found.error !== null ? (
          <Trouble problem={found.error} retry={() => void found.refetch()} />
        ) : plan === undefined ? (
          <Loading rows={3} />
        ) : (
          <div className={found.isPlaceholderData ? "space-y-3 opacity-60" : "space-y-3"}>
            <Obstacle plan={plan} />
            <PlanView plan={plan} />
          </div>
        )}
        {rerun.error !== null && <Trouble problem={rerun.error} />}
      </div>
    </Dialog>
  );
}

interface ChoiceProps {
  name: string;
  checked: boolean;
  disabled?: boolean;
  onChoose: () => void;
  title: ReactNode;
  says: string;
}

/** One of several ways, with what it means. */
function Choice({ name, checked, disabled, onChoose, title, says }: ChoiceProps) {
  return (
    <label className={`flex gap-2.5 text-sm ${disabled === true ? "opacity-60" : ""}`}>
      <input
        type="radio"
        name={name}
        className="mt-1 size-4 shrink-0 accent-[var(--accent)]"
        checked={checked}
        disabled={disabled}
        onChange={onChoose}
      />
      <span>
        {title}
        <span className="block text-xs text-ink-3">{says}</span>
      </span>
    </label>
  );
}
