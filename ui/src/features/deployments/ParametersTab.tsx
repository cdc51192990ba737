import { type SyntheticEvent, useState } from "react";
import { toast } from "sonner";

import { type Deployment, useChangeDeployment } from "@/api/deployments";
import { Json } from "@/components/Json";
import { Empty, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { SchemaForm } from "@/features/deployments/SchemaForm";
import { useSchemaForm } from "@/features/deployments/useSchemaForm";

/** What its runs get unless they are given something else. */
export function ParametersTab({ deployment }: { deployment: Deployment }) {
  const form = useSchemaForm(deployment);
  const change = useChangeDeployment(deployment.id);
  const [shown, setShown] = useState(false);
  const schema = deployment.spec.parameter_schema;

  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    const changed = form.take();
    if (changed === null) return;
    change.mutate(
      { parameters: { ...deployment.spec.parameters, ...changed } },
      {
        onSuccess: (now) => toast.success(`Saved, as version ${now.live}.`),
        onError: (problem) => form.refuse(problem),
      },
    );
  };

  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Card title="Defaults of its runs">
        {form.fields.length === 0 ? (
          <Empty title="The flow takes no parameters." />
        ) : (
          <form noValidate onSubmit={send} className="space-y-4 p-4">
            {change.error !== null && <Trouble problem={change.error} />}
            <SchemaForm {...form} />
            <div className="flex items-center justify-end gap-3">
              <span className="text-xs text-ink-3">Saving makes a new version and promotes it.</span>
              <Button look="primary" type="submit" disabled={change.isPending}>
                Save
              </Button>
            </div>
          </form>
        )}
      </Card>
      <Card
        title="Schema"
        aside={
          <Button size="small" look="ghost" onClick={() => setShown(!shown)}>
            {shown ? "Hide" : "Show"}
          </Button>
        }
      >
        {shown ? (
          <Json value={schema ?? {}} />
        ) : (
          <p className="px-4 py-3 text-sm text-ink-3">
            JSON Schema of the flow’s parameters, by which runs are checked.
          </p>
        )}
      </Card>
    </div>
  );
}
