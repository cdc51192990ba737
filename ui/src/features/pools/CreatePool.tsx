import { useNavigate } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";

import { useCreatePool } from "@/api/pools";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/input";

interface CreatePoolProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

export function CreatePool({ open, onOpenChange }: CreatePoolProps) {
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [slots, setSlots] = useState("");
  const create = useCreatePool();
  const navigate = useNavigate();

  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    create.mutate(
      {
        name: name.trim(),
        ...(description.trim() === "" ? {} : { description: description.trim() }),
        ...(slots === "" ? {} : { slots: Number(slots) }),
      },
      {
        onSuccess: () => {
          onOpenChange(false);
          void navigate({ to: "/work-pools/$pool", params: { pool: name.trim() } });
        },
      },
    );
  };

  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="New work pool"
      description="Runs of deployments wait in it until a worker takes them."
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            form="create-pool"
            disabled={create.isPending || name.trim() === ""}
          >
            Create
          </Button>
        </>
      }
    >
      <form id="create-pool" onSubmit={send} className="space-y-3">
        <Field label="Name">
          {(ids) => (
            <Input {...ids} required value={name} onChange={(event) => setName(event.target.value)} />
          )}
        </Field>
        <Field label="Description">
          {(ids) => (
            <Input {...ids} value={description} onChange={(event) => setDescription(event.target.value)} />
          )}
        </Field>
        <Field label="Slots" hint="Runs that may execute in it at once. Empty: as many as its workers take.">
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
      </form>
      {create.error !== null && <Trouble problem={create.error} />}
    </Dialog>
  );
}
