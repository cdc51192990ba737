import { type SyntheticEvent, useState } from "react";

import { useChangePool, type WorkPool } from "@/api/pools";
import { JsonEditor } from "@/components/JsonEditor";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/input";
import { variablesOf } from "@/features/pools/template";
import { TemplateForm } from "@/features/pools/TemplateForm";

/** What the text of a template says, or why it is none. */
function readTemplate(text: string): { value: Record<string, unknown> | null } | { problem: string } {
  if (text.trim() === "") return { value: null };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return { value: value as Record<string, unknown> };
    }
    return { problem: "It must be an object: { … }" };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : "It is not JSON." };
  }
}

export function EditPool({ pool, onClose }: { pool: WorkPool; onClose: () => void }) {
  const { spec } = pool;
  const before = spec.base_job_template == null ? "" : JSON.stringify(spec.base_job_template, null, 2);
  const [description, setDescription] = useState(spec.description ?? "");
  const [slots, setSlots] = useState(spec.slots?.toString() ?? "");
  const [grace, setGrace] = useState(String(spec.cancel_grace ?? 30));
  const [template, setTemplate] = useState(before);
  const change = useChangePool(spec.name);
  const [filling, setFilling] = useState(spec.base_job_template != null);
  const read = readTemplate(template);
  const fillable = "value" in read && variablesOf(read.value) !== null;

  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    if ("problem" in read) return;
    change.mutate(
      {
        description,
        slots: slots === "" ? -1 : Number(slots),
        cancel_grace: Number(grace),
        ...(template === before ? {} : { base_job_template: read.value ?? {} }),
      },
      { onSuccess: onClose },
    );
  };

  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={`Edit ${spec.name}`}
      wide
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            form="edit-pool"
            disabled={change.isPending || "problem" in read}
          >
            Save
          </Button>
        </>
      }
    >
      <form id="edit-pool" onSubmit={send} className="space-y-3">
        <Field label="Description">
          {(ids) => (
            <Input {...ids} value={description} onChange={(event) => setDescription(event.target.value)} />
          )}
        </Field>
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="Slots" hint="Runs that may execute in it at once. Empty: no limit.">
            {(ids) => (
              <Input
                {...ids}
                type="number"
                min={0}
                value={slots}
                onChange={(event) => setSlots(event.target.value)}
              />
            )}
          </Field>
          <Field label="Grace (seconds)" hint="From asking a run to end until its process is killed.">
            {(ids) => (
              <Input
                {...ids}
                type="number"
                min={0}
                step="any"
                required
                value={grace}
                onChange={(event) => setGrace(event.target.value)}
              />
            )}
          </Field>
        </div>
        {fillable && (
          <div
            className="flex items-center gap-2 text-sm font-medium"
            role="group"
            aria-label="Base job template"
          >
            Base job template
            <Button size="small" look={filling ? "primary" : "ghost"} onClick={() => setFilling(true)}>
              Form
            </Button>
            <Button size="small" look={filling ? "ghost" : "primary"} onClick={() => setFilling(false)}>
              JSON
            </Button>
          </div>
        )}
        {filling && fillable && "value" in read && read.value !== null ? (
          <TemplateForm
            template={read.value}
            onChange={(value) => setTemplate(JSON.stringify(value, null, 2))}
          />
        ) : (
          <Field
            label="Base job template (JSON)"
            hint="What every run of the pool is started with, and which of it deployments may set."
            problem={"problem" in read ? read.problem : undefined}
          >
            {(ids) => (
              <JsonEditor
                id={ids.id}
                label="Base job template (JSON)"
                describedBy={ids["aria-describedby"]}
                value={template}
                onChange={setTemplate}
              />
            )}
          </Field>
        )}
      </form>
      {change.error !== null && <Trouble problem={change.error} />}
    </Dialog>
  );
}
