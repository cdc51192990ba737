import { useQuery } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { toast } from "sonner";

import { type Deployment, useChangeDeployment } from "@/api/deployments";
import { poolList } from "@/api/pools";
import { JsonEditor } from "@/components/JsonEditor";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/input";
import { changeOf, formOf, problemsOf, STRATEGIES } from "@/features/deployments/editForm";

/** Changes of a deployment that need no deploying; what its runs execute with makes a new version. */
export function EditDeployment({ deployment, onClose }: { deployment: Deployment; onClose: () => void }) {
  const before = formOf(deployment.spec);
  const [form, setForm] = useState(before);
  const pools = useQuery(poolList);
  const change = useChangeDeployment(deployment.id, { quiet: true });
  const problems = problemsOf(form);
  const set = (part: Partial<typeof form>): void => setForm({ ...form, ...part });
  const queues = pools.data?.find((one) => one.spec.name === form.pool)?.queues ?? [];

  const send = (event: SubmitEvent): void => {
    event.preventDefault();
    if (Object.keys(problems).length > 0) return;
    change.mutate(changeOf(before, form), {
      onSuccess: (after) => {
        toast.success(
          after.live === deployment.live
            ? "Saved."
            : `Saved as version ${after.live}: runs from now on execute with it.`,
        );
        onClose();
      },
    });
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={`Edit ${deployment.flow_name}/${deployment.name}`}
      description="Parameters and job variables make a new version. Deploying the code again says all of this anew."
      wide
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            form="edit-deployment"
            disabled={change.isPending || Object.keys(problems).length > 0}
          >
            Save
          </Button>
        </>
      }
    >
      <form id="edit-deployment" onSubmit={send} className="space-y-3">
        <Field label="Description">
          {(ids) => (
            <Input
              {...ids}
              value={form.description}
              onChange={(event) => set({ description: event.target.value })}
            />
          )}
        </Field>
        <Field label="Tags" hint="Of its runs; with commas between them.">
          {(ids) => (
            <Input {...ids} value={form.tags} onChange={(event) => set({ tags: event.target.value })} />
          )}
        </Field>
        <div className="grid gap-3 sm:grid-cols-3">
          <Field label="Work pool">
            {(ids) => (
              <Select
                {...ids}
                className="w-full"
                value={form.pool}
                onChange={(event) => set({ pool: event.target.value, queue: "" })}
              >
                {form.pool === "" && <option value="">the process that serves it</option>}
                {pools.data?.map((one) => (
                  <option key={one.spec.name}>{one.spec.name}</option>
                ))}
                {form.pool !== "" && pools.data?.every((one) => one.spec.name !== form.pool) === true && (
                  <option>{form.pool}</option>
                )}
              </Select>
            )}
          </Field>
          <Field label="Queue">
            {(ids) => (
              <Select
                {...ids}
                className="w-full"
                value={form.queue}
                onChange={(event) => set({ queue: event.target.value })}
              >
                {(before.queue === "" || form.pool !== before.pool) && (
                  <option value="">the pool&apos;s default</option>
                )}
                {queues.map((one) => (
                  <option key={one.spec.name}>{one.spec.name}</option>
                ))}
              </Select>
            )}
          </Field>
          <Field label="Priority" hint="Higher ones are taken first." problem={problems.priority}>
            {(ids) => (
              <Input
                {...ids}
                inputMode="numeric"
                value={form.priority}
                onChange={(event) => set({ priority: event.target.value })}
              />
            )}
          </Field>
        </div>
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="Runs at once" hint="Empty: any number." problem={problems.limit}>
            {(ids) => (
              <Input
                {...ids}
                inputMode="numeric"
                value={form.limit}
                onChange={(event) => set({ limit: event.target.value })}
              />
            )}
          </Field>
          <Field label="When it is full">
            {(ids) => (
              <Select
                {...ids}
                className="w-full"
                value={form.strategy}
                onChange={(event) => set({ strategy: event.target.value })}
              >
                {Object.entries(STRATEGIES).map(([value, words]) => (
                  <option key={value} value={value}>
                    {words}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
        <Field label="Parameters (JSON)" hint="Defaults for its runs." problem={problems.parameters}>
          {(ids) => (
            <JsonEditor
              id={ids.id}
              label="Parameters (JSON)"
              describedBy={ids["aria-describedby"]}
              value={form.parameters}
              onChange={(parameters) => set({ parameters })}
            />
          )}
        </Field>
        <Field
          label="Job variables (JSON)"
          hint="What its processes are started with: env, working_dir …"
          problem={problems.variables}
        >
          {(ids) => (
            <JsonEditor
              id={ids.id}
              label="Job variables (JSON)"
              describedBy={ids["aria-describedby"]}
              value={form.variables}
              onChange={(variables) => set({ variables })}
            />
          )}
        </Field>
      </form>
      {change.error !== null && <Trouble problem={change.error} />}
    </Dialog>
  );
}
