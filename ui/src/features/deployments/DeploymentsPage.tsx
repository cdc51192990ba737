import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { X } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";

import { type Deployment, deploymentList } from "@/api/deployments";
import { Empty } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { Rows } from "@/components/Rows";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Input, Select } from "@/components/ui/input";
import { DeploymentRow } from "@/features/deployments/DeploymentRow";
import { type DeploymentFilters, queryOf, readFilters, without } from "@/features/deployments/filters";
import { RunDialog } from "@/features/deployments/RunDialog";
import { useDeploymentsLive } from "@/features/deployments/useDeploymentsLive";

const FIRST =
  "levada work-pool create main\nlevada deploy my_flows.py:my_flow -n nightly -p main\nlevada worker start --pool main";

export function DeploymentsPage() {
  const filters = readFilters(useSearch({ strict: false }));
  const navigate = useNavigate();
  const [running, setRunning] = useState<Deployment | null>(null);
  const found = useInfiniteQuery(deploymentList(queryOf(filters)));
  useDeploymentsLive();
  const deployments = found.data?.pages.flatMap((page) => page.items) ?? [];
  const change = (to: DeploymentFilters): void =>
    void navigate({ to: "/deployments", search: to, replace: true });
  const filtered = Object.keys(filters).length > 0;

  const chips: ReactNode[] = (["tag", "flow"] as const).flatMap((kind) =>
    (filters[kind] ?? []).map((value) => (
      <Chip
        key={`${kind} ${value}`}
        text={`${kind} ${value}`}
        onClear={() => {
          const rest = (filters[kind] ?? []).filter((one) => one !== value);
          const others = without(filters, kind);
          change(rest.length > 0 ? { ...others, [kind]: rest } : others);
        }}
      />
    )),
  );

  return (
    <>
      <PageHeader
        title="Deployments"
        tab="Deployments"
        actions={
          <>
            <NameSearch
              name={filters.name ?? ""}
              onChange={(name) => {
                const others = without(filters, "name");
                change(name === "" ? others : { ...others, name });
              }}
            />
            <Select
              aria-label="Status"
              value={filters.paused === undefined ? "" : String(filters.paused)}
              onChange={({ target }) => {
                const others = without(filters, "paused");
                change(target.value === "" ? others : { ...others, paused: target.value === "true" });
              }}
            >
              <option value="">Paused or not</option>
              <option value="false">Not paused</option>
              <option value="true">Paused</option>
            </Select>
          </>
        }
        below={chips.length > 0 && <div className="flex flex-wrap gap-1.5 pt-1">{chips}</div>}
      />
      <Card>
        <Rows
          items={deployments}
          keyOf={(one) => one.id}
          row={(one) => (
            <DeploymentRow
              deployment={one}
              onRun={() => setRunning(one)}
              onTag={(tag) => change({ ...filters, tag: [...new Set([...(filters.tag ?? []), tag])] })}
            />
          )}
          label="Deployments"
          height={64}
          className="max-h-[calc(100vh-9rem)] overflow-auto"
          empty={
            filtered ? (
              <Empty title="No deployment fits.">
                <Button onClick={() => change({})}>Show all</Button>
              </Empty>
            ) : (
              <Empty title="Nothing is deployed yet." command={FIRST}>
                A deployment lets the server run a flow: on a schedule, from this page, or from another run.
              </Empty>
            )
          }
          pending={found.isPending}
          problem={found.error}
          retry={() => void found.refetch()}
          more={{
            has: found.hasNextPage,
            busy: found.isFetchingNextPage,
            load: () => void found.fetchNextPage(),
          }}
        />
      </Card>
      {running !== null && <RunDialog deployment={running} onClose={() => setRunning(null)} />}
    </>
  );
}

/** The search by name; the address follows when the writing stops for a moment. */
function NameSearch({ name, onChange }: { name: string; onChange: (name: string) => void }) {
  const [text, setText] = useState(name);
  useEffect(() => {
    if (text.trim() === name) return;
    const timer = setTimeout(() => onChange(text.trim()), 250);
    return () => clearTimeout(timer);
  }, [text, name, onChange]);
  return (
    <Input
      type="search"
      value={text}
      onChange={(event) => setText(event.target.value)}
      placeholder="Flow or name …"
      aria-label="Search deployments by name"
      className="w-52"
    />
  );
}

function Chip({ text, onClear }: { text: string; onClear: () => void }) {
  return (
    <button
      type="button"
      onClick={onClear}
      aria-label={`Without ${text}`}
      className="flex items-center gap-1 rounded-full border border-line bg-sunken px-2 py-0.5 text-xs hover:border-ink-3"
    >
      {text} <X size={11} aria-hidden />
    </button>
  );
}
