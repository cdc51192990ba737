import { type SubmitEvent, useState } from "react";

import { useMakeApiKey } from "@/api/admin";
import { CopyButton } from "@/components/Copy";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/input";

const DAY_MS = 86_400_000;

/** Makes a key, and shows its text: the one time that it can be seen. */
export function MakeApiKey({ onClose }: { onClose: () => void }) {
  const make = useMakeApiKey();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState("*");
  const [days, setDays] = useState("0");
  const made = make.data;

  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const wanted = Number(days);
    make.mutate({
      name: name.trim(),
      scopes: scopes.split(" "),
      expires: wanted > 0 ? new Date(Date.now() + wanted * DAY_MS).toISOString() : null,
    });
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={made === undefined ? "New API key" : `The key ${made.key.name}`}
      footer={
        made === undefined ? (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" type="submit" form="key" disabled={name.trim() === "" || make.isPending}>
              Make
            </Button>
          </>
        ) : (
          <Button look="primary" onClick={onClose}>
            I have kept it
          </Button>
        )
      }
    >
      {made === undefined ? (
        <form id="key" onSubmit={submit} className="space-y-3">
          <Field label="Name" hint="What it is for, to know it again.">
            {(ids) => <Input {...ids} value={name} onChange={(event) => setName(event.target.value)} />}
          </Field>
          <Field label="May">
            {(ids) => (
              <Select
                {...ids}
                className="w-full"
                value={scopes}
                onChange={(event) => setScopes(event.target.value)}
              >
                <option value="*">Do everything</option>
                <option value="read">Read</option>
                <option value="read write">Read and change</option>
                <option value="ingest">Report runs: what flows need</option>
              </Select>
            )}
          </Field>
          <Field label="Expires">
            {(ids) => (
              <Select
                {...ids}
                className="w-full"
                value={days}
                onChange={(event) => setDays(event.target.value)}
              >
                <option value="0">Never</option>
                <option value="7">In 7 days</option>
                <option value="30">In 30 days</option>
                <option value="90">In 90 days</option>
                <option value="365">In a year</option>
              </Select>
            )}
          </Field>
        </form>
      ) : (
        <div className="space-y-2 text-sm">
          <p>Keep it now: the server does not know it, and it is not shown again.</p>
          <div className="flex items-center gap-2 rounded-md border border-line bg-sunken px-3 py-2">
            <code className="min-w-0 flex-1 font-mono text-xs break-all">{made.text}</code>
            <CopyButton text={made.text} label="Copy the key" />
          </div>
        </div>
      )}
      {made === undefined && (
        <p className="mt-3 text-xs text-ink-2">
          From its first key on, a server asks everybody who they are: this page, too, which then signs in
          with a key.
        </p>
      )}
      <div className="-mx-4">{make.error !== null && <Trouble problem={make.error} />}</div>
    </Dialog>
  );
}
