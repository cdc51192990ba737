import { type SyntheticEvent, useState } from "react";
import { toast } from "sonner";

import type { FlowRun } from "@/api/flowRuns";
import { useSetState } from "@/api/flowRunActions";
import { Trouble } from "@/components/Notices";
import { StateBadge } from "@/components/StateBadge";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/input";
import { stateWord } from "@/lib/states";

const OFFERED = ["COMPLETED", "FAILED", "CANCELLED", "CRASHED", "SCHEDULED"] as const;
type Offered = (typeof OFFERED)[number];

/** Say that a run is in another state than it is; the law may refuse, and what was done is on record. */
export function SetState({ run, onClose }: { run: FlowRun; onClose: () => void }) {
  const [type, setType] = useState<Offered>(OFFERED.find((one) => one !== run.state_type) ?? "COMPLETED");
  const [why, setWhy] = useState("");
  const [force, setForce] = useState(false);
  const [lacks, setLacks] = useState(false);
  const change = useSetState(run.id);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (why.trim() === "") {
      setLacks(true);
      return;
    }
    change.mutate(
      { type, message: why.trim(), force },
      {
        onSuccess: (decision) => {
          onClose();
          toast.success(
            `It is ${decision.state_name ?? stateWord(type)} now; that you said so is on record.`,
          );
        },
      },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Change the state"
      description="For when you know better. Who did it, when and why stays in the run's history."
      footer={
        <>
          <Button onClick={onClose}>Leave it</Button>
          <Button type="submit" form="set-state" look="primary" disabled={change.isPending}>
            Change
          </Button>
        </>
      }
    >
      <form id="set-state" noValidate onSubmit={submit} className="space-y-3">
        {change.error !== null && <Trouble problem={change.error} />}
        <p className="flex items-center gap-2 text-sm text-ink-2">
          It is <StateBadge type={run.state_type} name={run.state_name} />
        </p>
        <Field label="State">
          {(ids) => (
            <Select
              {...ids}
              value={type}
              className="w-full"
              onChange={(event) => {
                const wanted = OFFERED.find((one) => one === event.target.value);
                if (wanted !== undefined) setType(wanted);
              }}
            >
              {OFFERED.map((one) => (
                <option key={one} value={one}>
                  {stateWord(one)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Why" problem={lacks ? "Say why: others will read it in the history." : undefined}>
          {(ids) => (
            <Input
              {...ids}
              value={why}
              maxLength={500}
              aria-required
              onChange={(event) => {
                setWhy(event.target.value);
                setLacks(false);
              }}
            />
          )}
        </Field>
        <label className="flex items-start gap-2 text-sm">
          <input
            type="checkbox"
            checked={force}
            onChange={(event) => setForce(event.target.checked)}
            className="mt-0.5 size-4 accent-[var(--accent)]"
          />
          <span>
            Even if the rules say no
            <span className="block text-xs text-ink-3">
              Rules that keep data whole hold all the same; those that protect people give way.
            </span>
          </span>
        </label>
      </form>
    </Dialog>
  );
}
