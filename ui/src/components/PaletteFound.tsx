import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { CalendarClock, Layers, Play } from "lucide-react";
import { toast } from "sonner";

import { api, asked, messageOf } from "@/api/client";
import { flowRunKeys } from "@/api/flowRuns";
import { flowRunSearch, namedSearch } from "@/api/search";
import { StateBadge } from "@/components/StateBadge";

interface PaletteFoundProps {
  text: string;
  /** What is done once somebody has chosen: the palette closes before. */
  go: (act: () => void) => () => void;
}

/** What the server knows by a name that is typed: runs, deployments to open or to run, flows. */
export function PaletteFound({ text, go }: PaletteFoundProps) {
  // `run nightly now` is looked for by its name.
  const name = text
    .replace(/^run\s+/i, "")
    .replace(/\s+now$/i, "")
    .trim();
  const enabled = name.length > 1;
  const runs = useQuery({ ...flowRunSearch(name), enabled });
  const named = useQuery({ ...namedSearch(name), enabled });
  const navigate = useNavigate();
  const queries = useQueryClient();

  const runNow = async (deployment: string, name: string): Promise<void> => {
    const params = { path: { deployment } };
    try {
      const run = await asked(api.POST("/api/deployments/{deployment}/runs", { params, body: {} }));
      toast.success(`${name}: run ${run.name} is made.`);
      void queries.invalidateQueries({ queryKey: flowRunKeys.all });
      void navigate({ to: "/runs/$run", params: { run: run.id } });
    } catch (problem) {
      toast.error(messageOf(problem));
    }
  };
  if (!enabled) return null;
  const { deployments = [], flows = [] } = named.data ?? {};
  return (
    <>
      {(runs.data?.items.length ?? 0) > 0 && (
        <Command.Group heading="Runs">
          {runs.data?.items.map((run) => (
            <Command.Item
              key={run.id}
              value={`${run.flow_name} ${run.name} ${run.id}`}
              onSelect={go(() => void navigate({ to: "/runs/$run", params: { run: run.id } }))}
            >
              <StateBadge type={run.state_type} name={run.state_name} />
              {run.flow_name} / {run.name}
            </Command.Item>
          ))}
        </Command.Group>
      )}
      {deployments.length > 0 && (
        <Command.Group heading="Deployments">
          {deployments.map(({ id, spec: { flow_name: flow, name } }) => (
            <Command.Item
              key={id}
              value={`deployment ${flow} ${name} ${id}`}
              onSelect={go(
                () => void navigate({ to: "/deployments/$deployment", params: { deployment: id } }),
              )}
            >
              <CalendarClock size={15} aria-hidden /> {flow} / {name}
            </Command.Item>
          ))}
          {deployments.map(({ id, spec: { flow_name: flow, name } }) => (
            <Command.Item
              key={`run ${id}`}
              value={`run ${flow} ${name} now ${id}`}
              onSelect={go(() => void runNow(id, `${flow}/${name}`))}
            >
              <Play size={15} aria-hidden /> Run {flow} / {name} now, with its own parameters
            </Command.Item>
          ))}
        </Command.Group>
      )}
      {flows.length > 0 && (
        <Command.Group heading="Flows">
          {flows.map(({ name }) => (
            <Command.Item
              key={name}
              value={`flow ${name}`}
              onSelect={go(() => void navigate({ to: "/runs", search: { flow: [name] } }))}
            >
              <Layers size={15} aria-hidden /> Runs of {name}
            </Command.Item>
          ))}
        </Command.Group>
      )}
    </>
  );
}
