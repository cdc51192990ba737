import { useQuery } from "@tanstack/react-query";
import { Bookmark, Trash2 } from "lucide-react";
import { type SyntheticEvent, useState } from "react";

import { savedSearches, useDeleteSearch, useSaveSearch } from "@/api/savedSearches";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/input";
import { readRunFilters, type RunFilters } from "@/lib/filters";

const PAGE = "runs";

interface SavedViewsProps {
  filters: RunFilters;
  onOpen: (filters: RunFilters) => void;
}

/** Filters under a name, for the whole team. */
export function SavedViews({ filters, onOpen }: SavedViewsProps) {
  const [open, setOpen] = useState(false);
  const saved = useQuery(savedSearches(PAGE));
  const save = useSaveSearch(PAGE);
  const remove = useDeleteSearch(PAGE);
  const submit = (event: SyntheticEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const name = new FormData(event.currentTarget).get("name");
    if (typeof name === "string" && name.trim() !== "") {
      save.mutate({ name: name.trim(), query: { ...filters } }, { onSuccess: () => setOpen(false) });
    }
  };
  return (
    <>
      <Button onClick={() => setOpen(true)}>
        <Bookmark size={14} aria-hidden /> Saved views
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title="Saved views"
        description="They are on the server, for everybody who uses it."
      >
        <ul className="mb-4 divide-y divide-line rounded-md border border-line">
          {(saved.data ?? []).map((view) => (
            <li key={view.id} className="flex items-center justify-between px-3 py-1.5">
              <button
                type="button"
                className="min-w-0 flex-1 truncate text-left hover:underline"
                onClick={() => {
                  onOpen(readRunFilters(view.query ?? {}));
                  setOpen(false);
                }}
              >
                {view.name}
              </button>
              <Button
                look="ghost"
                size="icon"
                aria-label={`Delete ${view.name}`}
                onClick={() => view.id != null && remove.mutate(view.id)}
              >
                <Trash2 size={14} />
              </Button>
            </li>
          ))}
          {saved.data?.length === 0 && <li className="px-3 py-2 text-ink-3">None yet.</li>}
        </ul>
        <form onSubmit={submit} className="flex items-end gap-2">
          <div className="flex-1">
            <Field label="Save what is shown now as">
              {(ids) => (
                <Input {...ids} name="name" required maxLength={100} placeholder="Failed nightly loads" />
              )}
            </Field>
          </div>
          <Button type="submit" look="primary" disabled={save.isPending} className="mb-5">
            Save
          </Button>
        </form>
      </Dialog>
    </>
  );
}
