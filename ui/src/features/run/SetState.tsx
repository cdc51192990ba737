import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { SyntheticEvent } from "react";
import { toast } from "sonner";

import { api, asked } from "@/api/client";
import { type FlowRun, flowRunKeys } from "@/api/flowRuns";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/input";
import { isStateType, stateWord } from "@/lib/states";

const OFFERED = ["COMPLETED", "FAILED", "CANCELLED", "CRASHED", "SCHEDULED"] as const;

/** Say that a run is in another state than it is; the law may refuse, and what was done is on record. */
export function SetState({ run, onClose }: { run: FlowRun; onClose: () => void }) {
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: (body: { type: (typeof OFFERED)[number]; message: string; force: boolean }) =>
      asked(api.POST("/api/flow_runs/{run}/set_state", { params: { path: { run: run.id } }, body })),
    onSuccess: (decision) => {
      void queries.invalidateQueries({ queryKey: flowRunKeys.all });
      if (decision.reason != null && decision.reason !== "") toast.info(decision.reason);
      else toast.success("The state is changed.");
      onClose();
    },
  });
  const submit = (event: SyntheticEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const type = form.get("type");
    const message = form.get("message");
    if (typeof type !== "string" || !isStateType(type)) return;
    const wanted = OFFERED.find((one) => one === type);
    if (wanted === undefined) return;
    change.mutate({
      type: wanted,
      message: typeof message === "string" ? message : "",
      force: form.get("force") === "on",
    });
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Change the state"
      description="For when you know better. Who did it, when and why stays on record."
    >
      <form onSubmit={submit} className="space-y-3">
        <Field label="State">
          {(ids) => (
            <Select {...ids} name="type" defaultValue="COMPLETED" className="w-full">
              {OFFERED.map((one) => (
                <option key={one} value={one}>
                  {stateWord(one)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Why">{(ids) => <Input {...ids} name="message" required maxLength={500} />}</Field>
        <label className="flex items-center gap-2 text-sm">
          <input type="checkbox" name="force" className="accent-[var(--accent)]" />
          Even if the rules say no
        </label>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Leave it</Button>
          <Button type="submit" look="primary" disabled={change.isPending}>
            Change
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
