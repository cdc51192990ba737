import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";
import { toast } from "sonner";

import { type Deployment, deployment, useRunDeployment } from "@/api/deployments";
import type { FlowRun } from "@/api/flowRuns";
import { Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/input";
import { SchemaForm } from "@/features/deployments/SchemaForm";
import { useSchemaForm } from "@/features/deployments/useSchemaForm";
import { parametersOf } from "@/features/run/possible";

interface CopyDialogProps {
  run: FlowRun;
  deploymentId: string;
  onClose: () => void;
}

/** A new run like this one: its parameters stand in the form, to be changed. */
export function CopyDialog({ run, deploymentId, onClose }: CopyDialogProps) {
  const found = useQuery(deployment(deploymentId));
  if (found.data !== undefined) return <CopyForm run={run} of={found.data} onClose={onClose} />;
  return (
    <Dialog open wide onOpenChange={(open) => !open && onClose()} title={`Copy ${run.name}`}>
      {found.isPending ? <Loading rows={4} /> : <Trouble problem={found.error} />}
    </Dialog>
  );
}

function CopyForm({ run, of, onClose }: { run: FlowRun; of: Deployment; onClose: () => void }) {
  const given = parametersOf(run);
  const form = useSchemaForm(of, given ?? {});
  const [name, setName] = useState("");
  const [tags, setTags] = useState((run.tags ?? []).join(", "));
  const [version, setVersion] = useState(String(run.deployment_version ?? of.live));
  const make = useRunDeployment(of.id);
  const navigate = useNavigate();
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    const parameters = form.take();
    if (parameters === null) return;
    make.mutate(
      {
        parameters,
        ...(name.trim() === "" ? {} : { name: name.trim() }),
        tags: tags
          .split(",")
          .map((tag) => tag.trim())
          .filter((tag) => tag !== ""),
        version: Number(version),
        ...(run.priority != null && run.priority !== 0 ? { priority: run.priority } : {}),
        job_variables: run.job_variables ?? {},
      },
      {
        onSuccess: (made) => {
          onClose();
          toast.success(`${made.flow_name} / ${made.name} is made; this page shows it.`);
          void navigate({ to: "/runs/$run", params: { run: made.id }, search: {} });
        },
        onError: (problem) => form.refuse(problem),
      },
    );
  };
  const versions = [...new Set([run.deployment_version ?? of.live, of.live])];
  return (
    <Dialog
      open
      wide
      onOpenChange={(open) => !open && onClose()}
      title={`A new run like ${run.name}`}
      description="It begins from the start and reuses nothing."
      footer={
        <>
          <Button onClick={onClose}>Leave it</Button>
          <Button look="primary" type="submit" form="copy-run" disabled={make.isPending}>
            Make the run
          </Button>
        </>
      }
    >
      <form id="copy-run" noValidate onSubmit={send} className="space-y-4">
        {make.error !== null && <Trouble problem={make.error} />}
        {given === null && (
          <p className="rounded-md border border-line bg-sunken px-3 py-2 text-sm">
            The values that this run had were not kept as JSON. Those of the deployment stand here.
          </p>
        )}
        <SchemaForm {...form} />
        <div className="grid gap-3 sm:grid-cols-3">
          <Field label="Name" hint="Two words are chosen when it is empty.">
            {(ids) => <Input {...ids} value={name} onChange={(event) => setName(event.target.value)} />}
          </Field>
          <Field label="Tags" hint="Commas between them.">
            {(ids) => <Input {...ids} value={tags} onChange={(event) => setTags(event.target.value)} />}
          </Field>
          <Field label="Code">
            {(ids) => (
              <Select
                {...ids}
                className="w-full"
                value={version}
                onChange={(event) => setVersion(event.target.value)}
              >
                {versions.map((one) => (
                  <option key={one} value={one}>
                    {`version ${one}${one === of.live ? ", the latest" : ", as before"}`}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        </div>
      </form>
    </Dialog>
  );
}
