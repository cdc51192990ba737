import { useQueries } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { type FlowRun, flowRun } from "@/api/flowRuns";
import { At, Took } from "@/components/Moment";
import { Loading, Trouble } from "@/components/Notices";
import { StateBadge } from "@/components/StateBadge";
import { Dialog } from "@/components/ui/dialog";

/** Names that either of two runs has, with both values as text. */
export function differences(
  first: Record<string, unknown>,
  second: Record<string, unknown>,
): [string, string, string][] {
  const names = [...new Set([...Object.keys(first), ...Object.keys(second)])].sort();
  const shown = (value: unknown): string =>
    value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value);
  return names.map((name) => [name, shown(first[name]), shown(second[name])]);
}

function facts(run: FlowRun): Record<string, unknown> {
  return {
    "flow version": run.flow_version ?? undefined,
    "deployment version": run.deployment_version ?? undefined,
    code: run.code ?? undefined,
    levada: run.levada_version ?? undefined,
    host: run.host ?? undefined,
    "work pool": run.work_pool_name ?? undefined,
    "run count": run.run_count ?? undefined,
  };
}

/** Two runs beside each other; what differs stands out. */
export function Compare({ ids, onClose }: { ids: string[]; onClose: () => void }) {
  const found = useQueries({ queries: ids.map((id) => flowRun(id)) });
  const [first, second] = found.map((one) => one.data);
  const problem = found.find((one) => one.error !== null)?.error;
  return (
    <Dialog open wide onOpenChange={(open) => !open && onClose()} title="Two runs">
      {problem != null && <Trouble problem={problem} />}
      {first === undefined || second === undefined ? (
        <Loading />
      ) : (
        <table className="w-full table-fixed text-left text-sm">
          <thead>
            <tr className="border-b border-line">
              <td className="w-36" />
              {[first, second].map((run) => (
                <th key={run.id} scope="col" className="py-2 pr-3 font-medium break-words">
                  <Link to="/runs/$run" params={{ run: run.id }} className="hover:underline">
                    {run.flow_name} / {run.name}
                  </Link>
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="[&_td]:py-1 [&_td]:pr-3 [&_td]:align-top [&_td]:break-words [&_th]:py-1 [&_th]:font-normal [&_th]:text-ink-3">
            <tr>
              <th scope="row">state</th>
              {[first, second].map((run) => (
                <td key={run.id}>
                  <StateBadge type={run.state_type} name={run.state_name} />
                </td>
              ))}
            </tr>
            <tr>
              <th scope="row">states</th>
              {[first, second].map((run) => (
                <td key={run.id} className="text-xs text-ink-2">
                  {(run.states ?? []).map((one) => one.name).join(" → ")}
                </td>
              ))}
            </tr>
            <tr>
              <th scope="row">why</th>
              {[first, second].map((run) => (
                <td key={run.id} className="text-xs text-ink-2">
                  {run.states?.at(-1)?.message ?? "–"}
                </td>
              ))}
            </tr>
            <tr>
              <th scope="row">began</th>
              {[first, second].map((run) => (
                <td key={run.id}>
                  <At at={run.start_time} />
                </td>
              ))}
            </tr>
            <tr>
              <th scope="row">took</th>
              {[first, second].map((run) => (
                <td key={run.id}>
                  <Took start={run.start_time} end={run.end_time} />
                </td>
              ))}
            </tr>
            <Lines rows={differences(facts(first), facts(second))} />
            <tr>
              <th colSpan={3} scope="colgroup" className="pt-3 font-medium text-ink">
                Parameters
              </th>
            </tr>
            <Lines rows={differences(first.parameters ?? {}, second.parameters ?? {})} />
          </tbody>
        </table>
      )}
    </Dialog>
  );
}

function Lines({ rows }: { rows: [string, string, string][] }) {
  return rows.map(([name, one, other]) => (
    <tr key={name} className={one === other ? "text-ink-2" : "bg-accent-soft font-medium"}>
      <th scope="row">{name}</th>
      <td className="font-mono text-xs">{one}</td>
      <td className="font-mono text-xs">{other}</td>
    </tr>
  ));
}
