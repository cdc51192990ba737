import { useQuery } from "@tanstack/react-query";
import { type SyntheticEvent, useMemo } from "react";
import { toast } from "sonner";

import type { FlowRun } from "@/api/flowRuns";
import { runInput, useResumeRun } from "@/api/flowRunActions";
import { Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import type { Schema } from "@/features/deployments/schemaForm";
import { SchemaForm } from "@/features/deployments/SchemaForm";
import { useSchemaForm } from "@/features/deployments/useSchemaForm";

interface ResumeDialogProps {
  run: FlowRun;
  /** The key of the input that holds the schema of what is asked for. */
  schemaKey: string;
  onClose: () => void;
}

/** A paused run asks for values: a form made from the schema that it left, then it goes on. */
export function ResumeDialog({ run, schemaKey, onClose }: ResumeDialogProps) {
  const found = useQuery(runInput(run.id, schemaKey));
  const schema: unknown = found.data?.value;
  if (found.data !== undefined) {
    const isSchema = typeof schema === "object" && schema !== null && !Array.isArray(schema);
    return <AskedDialog run={run} schema={isSchema ? (schema as Schema) : {}} onClose={onClose} />;
  }
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={`Resume ${run.name}`}>
      {found.isPending ? (
        <Loading rows={3} />
      ) : (
        <Trouble problem={found.error} retry={() => void found.refetch()} />
      )}
    </Dialog>
  );
}

function AskedDialog({ run, schema, onClose }: { run: FlowRun; schema: Schema; onClose: () => void }) {
  const asks = useMemo(() => ({ spec: { parameter_schema: schema, parameters: {} } }), [schema]);
  const form = useSchemaForm(asks);
  const resume = useResumeRun(run.id);
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    const inputs = form.take();
    if (inputs === null) return;
    // Fields that were left as they are hold the default that the schema names: the run asked for a whole answer.
    const whole = Object.fromEntries(
      form.fields.flatMap((field) => (field.hasFallback ? [[field.name, field.fallback]] : [])),
    );
    resume.mutate(
      { ...whole, ...inputs },
      {
        onSuccess: () => {
          onClose();
          toast.success("It goes on with what you entered.");
        },
        onError: (problem) => form.refuse(problem, "$.inputs."),
      },
    );
  };
  const title = typeof schema["title"] === "string" ? schema["title"] : null;
  const says = typeof schema["description"] === "string" ? schema["description"] : null;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={title ?? `Resume ${run.name}`}
      description={says ?? "The run waits for these values; it goes on when they are right."}
      footer={
        <>
          <Button onClick={onClose}>Leave it</Button>
          <Button look="primary" type="submit" form="resume-run" disabled={resume.isPending}>
            Resume
          </Button>
        </>
      }
    >
      <form id="resume-run" noValidate onSubmit={send} className="space-y-4">
        {resume.error !== null && <Trouble problem={resume.error} />}
        <SchemaForm {...form} nothing="The run asks for nothing; it only waits to be resumed." />
      </form>
    </Dialog>
  );
}
