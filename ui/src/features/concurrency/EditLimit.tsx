import { type SubmitEvent, useState } from "react";

import { type Limit, useLimitAction } from "@/api/limits";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/input";
import { readAmount } from "@/features/concurrency/occupancy";

interface EditLimitProps {
  /** What is to be changed, or null for a new one. */
  limit: Limit | null;
  onClose: () => void;
}

export function EditLimit({ limit, onClose }: EditLimitProps) {
  const act = useLimitAction();
  const [name, setName] = useState(limit?.name ?? "");
  const [slotsText, setSlots] = useState(String(limit?.limit ?? 1));
  const [decayText, setDecay] = useState(String(limit?.slot_decay_per_second ?? 0));
  const [tried, setTried] = useState(false);
  const slots = readAmount(slotsText, true);
  const decay = readAmount(decayText, false);
  const nameProblem = name.trim() === "" ? "A limit needs a name." : undefined;

  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setTried(true);
    if (nameProblem !== undefined || "problem" in slots || "problem" in decay) return;
    const given = { name: name.trim(), slots: slots.value, decay: decay.value };
    act.mutate({ do: limit === null ? "make" : "change", ...given }, { onSuccess: onClose });
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={limit === null ? "New concurrency limit" : `Limit ${limit.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="limit" disabled={act.isPending}>
            {limit === null ? "Create" : "Save"}
          </Button>
        </>
      }
    >
      <form id="limit" onSubmit={submit} className="space-y-3">
        {limit === null && (
          <Field
            label="Name"
            problem={tried ? nameProblem : undefined}
            hint="tag:NAME bounds how many tasks with that tag run at once."
          >
            {(ids) => <Input {...ids} value={name} onChange={(event) => setName(event.target.value)} />}
          </Field>
        )}
        <Field
          label="Slots"
          problem={"problem" in slots ? slots.problem : undefined}
          hint="How many may be taken at once. With 0 nobody passes."
        >
          {(ids) => (
            <Input
              {...ids}
              inputMode="numeric"
              value={slotsText}
              onChange={(event) => setSlots(event.target.value)}
            />
          )}
        </Field>
        <Field
          label="Decay"
          problem={"problem" in decay ? decay.problem : undefined}
          hint="Slots a second that come back by themselves, for rate_limit. 0: only those who took slots give them back."
        >
          {(ids) => (
            <Input
              {...ids}
              inputMode="decimal"
              value={decayText}
              onChange={(event) => setDecay(event.target.value)}
            />
          )}
        </Field>
      </form>
      <div className="-mx-4">{act.error !== null && <Trouble problem={act.error} />}</div>
    </Dialog>
  );
}
