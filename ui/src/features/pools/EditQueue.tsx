import { type SyntheticEvent, useState } from "react";

import { useChangeQueue, useCreateQueue, useDeleteQueue, type WorkQueue } from "@/api/pools";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/input";
import { Confirm } from "@/components/Confirm";

interface EditQueueProps {
  pool: string;
  /** null: a new one. */
  queue: WorkQueue | null;
  onClose: () => void;
}

export function EditQueue({ pool, queue, onClose }: EditQueueProps) {
  const [name, setName] = useState(queue?.spec.name ?? "");
  const [priority, setPriority] = useState(String(queue?.spec.priority ?? 1));
  const [slots, setSlots] = useState(queue?.spec.slots?.toString() ?? "");
  const [description, setDescription] = useState(queue?.spec.description ?? "");
  const [deleting, setDeleting] = useState(false);
  const create = useCreateQueue(pool);
  const change = useChangeQueue(pool, queue?.spec.name ?? "");
  const remove = useDeleteQueue(pool, queue?.spec.name ?? "");
  const problem = create.error ?? change.error;

  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    const said = { priority: Number(priority), description };
    if (queue === null) {
      create.mutate(
        { ...said, name: name.trim(), ...(slots === "" ? {} : { slots: Number(slots) }) },
        { onSuccess: onClose },
      );
    } else change.mutate({ ...said, slots: slots === "" ? -1 : Number(slots) }, { onSuccess: onClose });
  };

  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={queue === null ? "New queue" : `Edit the queue ${queue.spec.name}`}
      footer={
        <>
          {queue !== null && (
            <Button look="ghost" className="mr-auto text-danger" onClick={() => setDeleting(true)}>
              Delete …
            </Button>
          )}
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            form="edit-queue"
            disabled={create.isPending || change.isPending}
          >
            {queue === null ? "Create" : "Save"}
          </Button>
        </>
      }
    >
      <form id="edit-queue" onSubmit={send} className="space-y-3">
        {queue === null && (
          <Field label="Name">
            {(ids) => (
              <Input {...ids} required value={name} onChange={(event) => setName(event.target.value)} />
            )}
          </Field>
        )}
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="Priority" hint="1 is served first; queues of the same priority take turns.">
            {(ids) => (
              <Input
                {...ids}
                type="number"
                min={1}
                required
                value={priority}
                onChange={(event) => setPriority(event.target.value)}
              />
            )}
          </Field>
          <Field label="Slots" hint="Its runs that may execute at once. Empty: no limit of its own.">
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
        </div>
        <Field label="Description">
          {(ids) => (
            <Input {...ids} value={description} onChange={(event) => setDescription(event.target.value)} />
          )}
        </Field>
      </form>
      {problem !== null && <Trouble problem={problem} />}
      <Confirm
        open={deleting}
        onOpenChange={setDeleting}
        title={`Delete the queue ${queue?.spec.name ?? ""}?`}
        text="Runs that wait in it will not be taken until they are moved to another queue."
        action="Delete"
        busy={remove.isPending}
        problem={remove.error}
        onConfirm={() => remove.mutate(undefined, { onSuccess: onClose })}
      />
    </Dialog>
  );
}
