import { keepPreviousData, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, ApiProblem, asked, type Schemas } from "@/api/client";
import { flowRunKeys } from "@/api/flowRuns";

export type Decision = Schemas["Decision"];
export type RerunChoice = Schemas["RerunChoice"];
export type RerunPlan = Schemas["RerunPlan"];
export type PlannedCall = Schemas["PlannedCall"];
export type StateWish = Schemas["ProposedState"];

/** How many calls of each fate a plan lists. */
export const PLANNED = 200;

/** A decision that was followed. Throws an {@link ApiProblem} with the server's reason when it was not. */
export function granted(decision: Decision): Decision {
  if (decision.status === "accept") return decision;
  const again = decision.retry_after == null ? "" : ` Ask again in ${Math.ceil(decision.retry_after)} s.`;
  throw new ApiProblem(409, `${decision.reason ?? "The server did not follow the wish."}${again}`);
}

/** What running a run again would do. */
export function rerunPlan(run: string, choice: RerunChoice) {
  return queryOptions({
    queryKey: [...flowRunKeys.one(run), "rerun-plan", choice] as const,
    queryFn: ({ signal }) =>
      asked(
        api.POST("/api/flow_runs/{run}/rerun_plan", {
          params: { path: { run } },
          body: { limit: PLANNED, ...choice },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
}

/** One thing done to one run. What goes wrong is said where it was asked for, so it is not said a second time. */
function useDeed<Given, Done>(act: (given: Given) => Promise<Done>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: () => queries.invalidateQueries({ queryKey: flowRunKeys.all }),
    meta: { quiet: true },
  });
}

export function useCancelRun(run: string) {
  return useDeed(async () =>
    granted(await asked(api.POST("/api/flow_runs/{run}/cancel", { params: { path: { run } } }))),
  );
}

export function useSuspendRun(run: string) {
  return useDeed(async () =>
    granted(await asked(api.POST("/api/flow_runs/{run}/suspend", { params: { path: { run } } }))),
  );
}

export function useResumeRun(run: string) {
  return useDeed(async (inputs: Record<string, unknown> | null) =>
    granted(
      await asked(
        api.POST("/api/flow_runs/{run}/resume", {
          params: { path: { run } },
          body: inputs === null ? {} : { inputs: inputs as Record<string, never> },
        }),
      ),
    ),
  );
}

/** The same run goes on (null), or a new one is made (its id). */
export function useRerun(run: string) {
  return useDeed(async ({ fork, latest, task_keys }: RerunChoice): Promise<string | null> => {
    const params = { path: { run } };
    if (fork === true) {
      const body = { task_keys: task_keys ?? [], latest: latest ?? false };
      return (await asked(api.POST("/api/flow_runs/{run}/fork", { params, body }))).id;
    }
    const query = { latest: latest ?? false };
    granted(await asked(api.POST("/api/flow_runs/{run}/retry", { params: { ...params, query } })));
    return null;
  });
}

export function useSetState(run: string) {
  return useDeed(async (body: StateWish) =>
    granted(await asked(api.POST("/api/flow_runs/{run}/set_state", { params: { path: { run } }, body }))),
  );
}

/** Delete a run with everything inside; how many of each went. */
export function useDeleteRun(run: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => asked(api.DELETE("/api/flow_runs/{run}", { params: { path: { run } } })),
    // What is gone is not asked for again, though it is still shown for a moment.
    onSuccess: () =>
      queries.invalidateQueries({
        queryKey: flowRunKeys.all,
        predicate: ({ queryKey }) => !(queryKey[1] === "one" && queryKey[2] === run),
      }),
    meta: { quiet: true },
  });
}

/** How many subflow runs a run has of its own. */
export function subflowCount(run: string) {
  return queryOptions({
    queryKey: [...flowRunKeys.one(run), "subflow-count"] as const,
    queryFn: ({ signal }) =>
      asked(api.POST("/api/flow_runs/count", { body: { parent_flow_run_ids: [run] }, signal })),
  });
}

/** Values that a run was given from outside, and those that say what it asks for. */
export function runInput(run: string, key: string) {
  return queryOptions({
    queryKey: [...flowRunKeys.one(run), "inputs", key] as const,
    queryFn: ({ signal }) =>
      asked(api.GET("/api/flow_runs/{run}/inputs/{key}", { params: { path: { run, key } }, signal })),
  });
}
