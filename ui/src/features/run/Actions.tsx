import { MoreHorizontal } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";

import { messageOf } from "@/api/client";
import type { FlowRun } from "@/api/flowRuns";
import { useResumeRun, useSuspendRun } from "@/api/flowRunActions";
import { Button } from "@/components/ui/button";
import { Menu, MenuItem, MenuLine } from "@/components/ui/menu";
import { CopyDialog } from "@/features/run/CopyDialog";
import { type Action, askedFor, hindrance } from "@/features/run/possible";
import { RerunDialog } from "@/features/run/RerunDialog";
import { ResumeDialog } from "@/features/run/ResumeDialog";
import { SetState } from "@/features/run/SetState";
import { CancelDialog, DeleteDialog } from "@/features/run/SureDialogs";
import { isFinal } from "@/lib/states";

const WORDS: Record<Action, string> = {
  cancel: "Cancel …",
  rerun: "Run again …",
  resume: "Resume",
  suspend: "Suspend",
  copy: "Copy as a new run …",
  change: "Change the state …",
  delete: "Delete …",
};

interface ActionsProps {
  run: FlowRun;
  /** A task to run again from, when a link asks for that; "" for no task in particular. */
  from: string | undefined;
  onFrom: (from: string | undefined) => void;
}

/** What can be done with a run; what cannot be done says why. */
export function Actions({ run, from, onFrom }: ActionsProps) {
  const [open, setOpen] = useState<Action | null>(null);
  const suspend = useSuspendRun(run.id);
  const resume = useResumeRun(run.id);
  const close = (): void => setOpen(null);
  const schema = askedFor(run)?.schema ?? null;
  // What was asked for when the form was opened: the run is told to go on before the form hears that it was.
  const [asked, setAsked] = useState<string | null>(null);

  const choose = (action: Action): void => {
    const onError = (problem: unknown): void => void toast.error(messageOf(problem));
    if (action === "suspend") {
      const onSuccess = (): void => void toast.success("It is asked to let go at its next safe place.");
      suspend.mutate(undefined, { onSuccess, onError });
    } else if (action === "resume" && schema === null) {
      const onSuccess = (): void => void toast.success("It goes on.");
      resume.mutate(null, { onSuccess, onError });
    } else if (action === "rerun") onFrom("");
    else {
      setAsked(schema);
      setOpen(action);
    }
  };
  const ended = isFinal(run.state_type);
  const busy = suspend.isPending || resume.isPending;
  return (
    <>
      {run.state_type === "PAUSED" && (
        <Button look="primary" disabled={busy} onClick={() => choose("resume")}>
          {schema === null ? "Resume" : "Resume …"}
        </Button>
      )}
      {ended && (
        <Button
          look={run.state_type === "COMPLETED" ? "secondary" : "primary"}
          onClick={() => choose("rerun")}
        >
          {run.state_type === "COMPLETED" ? "Run again …" : "Resume from failure …"}
        </Button>
      )}
      {!ended && (
        <Button disabled={hindrance("cancel", run) !== null} onClick={() => choose("cancel")}>
          Cancel …
        </Button>
      )}
      <Menu
        trigger={
          <Button size="icon" aria-label="More actions">
            <MoreHorizontal size={16} />
          </Button>
        }
      >
        {(["rerun", "copy", "suspend", "resume", "change"] as const).map((action) => (
          <Offer key={action} action={action} run={run} onChoose={choose} />
        ))}
        <MenuItem
          onSelect={() =>
            void navigator.clipboard.writeText(run.id).then(
              () => toast.success("The id is copied."),
              () => toast.error(`The browser does not let this page copy. The id is ${run.id}`),
            )
          }
        >
          Copy the id
        </MenuItem>
        <MenuLine />
        <Offer action="delete" run={run} onChoose={choose} />
      </Menu>
      {open === "cancel" && <CancelDialog run={run} onClose={close} />}
      {open === "delete" && <DeleteDialog run={run} onClose={close} />}
      {open === "change" && <SetState run={run} onClose={close} />}
      {open === "resume" && asked !== null && <ResumeDialog run={run} schemaKey={asked} onClose={close} />}
      {open === "copy" && run.deployment_id != null && (
        <CopyDialog run={run} deploymentId={run.deployment_id} onClose={close} />
      )}
      {from !== undefined && (
        <RerunDialog key={from} run={run} from={from} onClose={() => onFrom(undefined)} />
      )}
    </>
  );
}

interface OfferProps {
  action: Action;
  run: FlowRun;
  onChoose: (action: Action) => void;
}

function Offer({ action, run, onChoose }: OfferProps) {
  const why = hindrance(action, run);
  return (
    <MenuItem danger={action === "delete"} disabled={why !== null} onSelect={() => onChoose(action)}>
      <span>
        {WORDS[action]}
        {why !== null && <span className="block max-w-64 text-xs whitespace-normal">{why}</span>}
      </span>
    </MenuItem>
  );
}
