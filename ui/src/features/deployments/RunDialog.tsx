import { useNavigate } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";
import { toast } from "sonner";

import { type Deployment, useRunDeployment } from "@/api/deployments";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/input";
import { SchemaForm } from "@/features/deployments/SchemaForm";
import { useSchemaForm } from "@/features/deployments/useSchemaForm";

/** A run of a deployment: now or later, with its parameters or others. */
export function RunDialog({ deployment, onClose }: { deployment: Deployment; onClose: () => void }) {
  const form = useSchemaForm(deployment);
  const [name, setName] = useState("");
  const [tags, setTags] = useState("");
  const [at, setAt] = useState("");
  const [priority, setPriority] = useState("");
  const [version, setVersion] = useState("");
  const run = useRunDeployment(deployment.id);
  const navigate = useNavigate();

  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    const parameters = form.take();
    if (parameters === null) return;
    const said = tags
      .split(",")
      .map((tag) => tag.trim())
      .filter((tag) => tag !== "");
    run.mutate(
      {
        parameters,
        ...(name.trim() === "" ? {} : { name: name.trim() }),
        ...(said.length === 0 ? {} : { tags: said }),
        ...(at === "" ? {} : { scheduled_time: new Date(at).toISOString() }),
        ...(priority === "" ? {} : { priority: Number(priority) }),
        ...(version === "" ? {} : { version: Number(version) }),
      },
      {
        onSuccess: (made) => {
          onClose();
          toast.success(`${made.flow_name} / ${made.name} is made.`, {
            action: {
              label: "Show",
              onClick: () => void navigate({ to: "/runs/$run", params: { run: made.id } }),
            },
          });
        },
        onError: (problem) => form.refuse(problem),
      },
    );
  };

  return (
    <Dialog
      open
      onOpenChange={onClose}
      wide
      title={`Run ${deployment.flow_name} / ${deployment.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="run-deployment" disabled={run.isPending}>
            {at === "" ? "Run now" : "Run then"}
          </Button>
        </>
      }
    >
      <form id="run-deployment" noValidate onSubmit={send} className="space-y-4">
        {run.error !== null && Object.keys(form.problems).length === 0 && <Trouble problem={run.error} />}
        <SchemaForm {...form} />
        <details className="rounded-md border border-line px-3 py-2">
          <summary className="cursor-pointer text-sm font-medium">
            Name, time, tags, priority, version
          </summary>
          <div className="grid gap-3 pt-3 sm:grid-cols-2">
            <Field label="Name of the run" hint="Two words are chosen when it is empty.">
              {(ids) => <Input {...ids} value={name} onChange={(event) => setName(event.target.value)} />}
            </Field>
            <Field
              label="When"
              hint={`Your time (${Intl.DateTimeFormat().resolvedOptions().timeZone}). Empty: now.`}
            >
              {(ids) => (
                <Input
                  {...ids}
                  type="datetime-local"
                  value={at}
                  onChange={(event) => setAt(event.target.value)}
                />
              )}
            </Field>
            <Field label="More tags" hint="Commas between them.">
              {(ids) => <Input {...ids} value={tags} onChange={(event) => setTags(event.target.value)} />}
            </Field>
            <Field label="Priority" hint="In its queue, higher numbers are taken first.">
              {(ids) => (
                <Input
                  {...ids}
                  type="number"
                  value={priority}
                  onChange={(event) => setPriority(event.target.value)}
                />
              )}
            </Field>
            <Field label="Version" hint={`Empty: the live one, ${deployment.live}.`}>
              {(ids) => (
                <Input
                  {...ids}
                  type="number"
                  min={1}
                  value={version}
                  onChange={(event) => setVersion(event.target.value)}
                />
              )}
            </Field>
          </div>
        </details>
      </form>
    </Dialog>
  );
}
