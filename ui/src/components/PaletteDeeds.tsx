import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useLocation } from "@tanstack/react-router";
import { Command } from "cmdk";
import { toast } from "sonner";

import { api, asked, messageOf } from "@/api/client";
import { flowRun, flowRunKeys } from "@/api/flowRuns";
import { isFinal } from "@/lib/states";

interface PaletteDeedsProps {
  go: (act: () => void) => () => void;
}

/** What can be done to the run whose page is open. */
export function PaletteDeeds({ go }: PaletteDeedsProps) {
  const id = useLocation({ select: (at) => /^\/runs\/([^/]+)$/.exec(at.pathname)?.[1] });
  return id === undefined ? null : <OfRun id={id} go={go} />;
}

function OfRun({ id, go }: PaletteDeedsProps & { id: string }) {
  const run = useQuery(flowRun(id)).data;
  const queries = useQueryClient();
  const params = { path: { run: id } };
  const { mutate } = useMutation({
    mutationFn: (deed: "cancel" | "retry") =>
      deed === "cancel"
        ? asked(api.POST("/api/flow_runs/{run}/cancel", { params }))
        : asked(api.POST("/api/flow_runs/{run}/retry", { params })),
    meta: { quiet: true },
    onSuccess: (decision) => {
      if (decision.status === "accept") toast.success("It is asked for.");
      else toast.error(decision.reason ?? "The server did not do it.");
    },
    onError: (problem) => toast.error(messageOf(problem)),
    onSettled: () => queries.invalidateQueries({ queryKey: flowRunKeys.all }),
  });
  if (run === undefined) return null;
  const name = `${run.flow_name} / ${run.name}`;
  return isFinal(run.state_type) ? (
    <Command.Item value="retry this run" onSelect={go(() => mutate("retry"))}>
      Retry {name}
    </Command.Item>
  ) : (
    <Command.Item value="cancel this run" onSelect={go(() => mutate("cancel"))}>
      Cancel {name}
    </Command.Item>
  );
}
