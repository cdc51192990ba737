import { type SubmitEvent, useState } from "react";

import { useSaveVariable, type Variable } from "@/api/variables";
import { JsonEditor } from "@/components/JsonEditor";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/input";
import { readTags, readValue } from "@/features/variables/form";

interface EditVariableProps {
  /** What is to be changed, or null for a new one. */
  variable: Variable | null;
  onClose: () => void;
}

export function EditVariable({ variable, onClose }: EditVariableProps) {
  const save = useSaveVariable();
  const [name, setName] = useState(variable?.name ?? "");
  const [text, setText] = useState(variable === null ? "" : JSON.stringify(variable.value, null, 2));
  const [tags, setTags] = useState(variable?.tags.join(", ") ?? "");
  const [tried, setTried] = useState(false);
  const value = readValue(text);
  const nameProblem = name.trim() === "" ? "A variable needs a name." : undefined;

  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setTried(true);
    if (!value.ok || nameProblem !== undefined) return;
    save.mutate(
      { was: variable?.name ?? null, name: name.trim(), value: value.value, tags: readTags(tags) },
      { onSuccess: onClose },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={variable === null ? "New variable" : `Variable ${variable.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="variable" disabled={save.isPending}>
            {variable === null ? "Create" : "Save"}
          </Button>
        </>
      }
    >
      <form id="variable" onSubmit={submit} className="space-y-3">
        <Field label="Name" problem={tried ? nameProblem : undefined} hint="What flows ask for it by.">
          {(ids) => <Input {...ids} value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <Field
          label="Value, as JSON"
          problem={(tried || text !== "") && !value.ok ? value.problem : undefined}
          hint='For example 42, "eu-west-1" or {"retries": 3}. Not for secrets: everybody here can read it.'
        >
          {(ids) => (
            <JsonEditor
              id={ids.id}
              label="Value, as JSON"
              describedBy={ids["aria-describedby"]}
              value={text}
              onChange={setText}
            />
          )}
        </Field>
        <Field label="Tags" hint="With commas between them.">
          {(ids) => <Input {...ids} value={tags} onChange={(event) => setTags(event.target.value)} />}
        </Field>
      </form>
      <div className="-mx-4">{save.error !== null && <Trouble problem={save.error} />}</div>
    </Dialog>
  );
}
