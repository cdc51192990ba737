import { useInfiniteQuery } from "@tanstack/react-query";
import { Pencil, Plus, Trash2 } from "lucide-react";
import { useDeferredValue, useEffect, useState } from "react";

import { useDeleteVariable, type Variable, variableList } from "@/api/variables";
import { CopyButton } from "@/components/Copy";
import { Tags } from "@/components/Facts";
import { Ago } from "@/components/Moment";
import { Empty } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { Rows } from "@/components/Rows";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Input } from "@/components/ui/input";
import { Confirm } from "@/components/Confirm";
import { EditVariable } from "@/features/variables/EditVariable";
import { matches } from "@/features/variables/form";

export function VariablesPage() {
  const [text, setText] = useState("");
  const search = useDeferredValue(text.trim());
  const [edited, setEdited] = useState<Variable | "new" | null>(null);
  const [doomed, setDoomed] = useState<Variable | null>(null);
  const remove = useDeleteVariable();
  const found = useInfiniteQuery(variableList());
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = found;

  // The server lists by name only: a search reads on until it has seen all.
  useEffect(() => {
    if (search !== "" && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [search, hasNextPage, isFetchingNextPage, fetchNextPage]);

  const all = found.data?.pages.flatMap((page) => page.items) ?? [];
  const items = search === "" ? all : all.filter((one) => matches(one, search));
  return (
    <>
      <PageHeader
        title="Variables"
        tab="Variables"
        actions={
          <>
            <Input
              type="search"
              value={text}
              onChange={(event) => setText(event.target.value)}
              placeholder="Name, value or tag …"
              aria-label="Search variables"
              className="w-56"
            />
            <Button look="primary" onClick={() => setEdited("new")}>
              <Plus size={14} aria-hidden /> New variable
            </Button>
          </>
        }
      />
      <Card>
        <Rows
          items={items}
          keyOf={(one) => one.name}
          row={(one) => (
            <VariableRow variable={one} onEdit={() => setEdited(one)} onDelete={() => setDoomed(one)} />
          )}
          label="Variables"
          height={45}
          className="max-h-[calc(100vh-9rem)] overflow-auto"
          empty={
            search === "" ? (
              <Empty
                title="There are no variables."
                command={
                  'levada variable set region eu-west-1\n\n# in a flow\nfrom levada.variables import Variable\nregion = Variable.get("region")'
                }
              >
                Small named values that flows and people share, and that change without a deployment.
              </Empty>
            ) : (
              <Empty title={hasNextPage ? "Searching …" : `No variable has “${search}” in it.`} />
            )
          }
          pending={found.isPending}
          problem={found.error}
          retry={() => void found.refetch()}
          more={{ has: hasNextPage, busy: isFetchingNextPage, load: () => void fetchNextPage() }}
        />
      </Card>
      {edited !== null && (
        <EditVariable variable={edited === "new" ? null : edited} onClose={() => setEdited(null)} />
      )}
      <Confirm
        open={doomed !== null}
        onOpenChange={(open) => {
          if (open) return;
          setDoomed(null);
          remove.reset();
        }}
        title={`Delete the variable ${doomed?.name ?? ""}?`}
        text="Flows that ask for it get their default from then on, or fail where they have none. This cannot be undone."
        action="Delete"
        busy={remove.isPending}
        problem={remove.error}
        onConfirm={() => {
          if (doomed !== null) remove.mutate(doomed.name, { onSuccess: () => setDoomed(null) });
        }}
      />
    </>
  );
}

interface VariableRowProps {
  variable: Variable;
  onEdit: () => void;
  onDelete: () => void;
}

function VariableRow({ variable, onEdit, onDelete }: VariableRowProps) {
  const json = JSON.stringify(variable.value);
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2 hover:bg-sunken/60">
      <button
        type="button"
        onClick={onEdit}
        className="w-56 min-w-0 truncate text-left font-medium hover:underline"
      >
        {variable.name}
      </button>
      <span className="flex min-w-40 flex-1 items-center gap-1">
        <code className="min-w-0 truncate font-mono text-xs text-ink-2" title={json}>
          {json}
        </code>
        <CopyButton text={json} label={`Copy the value of ${variable.name}`} />
      </span>
      <Tags tags={variable.tags} />
      <span className="ml-auto w-24 text-right text-xs whitespace-nowrap text-ink-3">
        <Ago at={variable.updated} />
      </span>
      <span className="flex">
        <Button look="ghost" size="icon" aria-label={`Edit ${variable.name}`} onClick={onEdit}>
          <Pencil size={14} />
        </Button>
        <Button look="ghost" size="icon" aria-label={`Delete ${variable.name}`} onClick={onDelete}>
          <Trash2 size={14} />
        </Button>
      </span>
    </div>
  );
}
