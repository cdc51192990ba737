import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";
import { flowRunKeys } from "@/api/flowRuns";
import { pollWhileAway } from "@/api/live";

export type Deployment = Schemas["Deployment"];
export type DeploymentQuery = Schemas["DeploymentQuery"];
export type DeploymentSpec = Schemas["NewDeployment"];
export type DeploymentChange = Schemas["DeploymentChange"];
export type DeploymentVersion = Schemas["DeploymentVersion"];
export type NewDeploymentRun = Schemas["NewDeploymentRun"];
export type Schedule = Schemas["Schedule"];
export type ScheduleSpec = Schemas["ScheduleSpec"];
export type Upcoming = Schemas["Upcoming"];

export const deploymentKeys = {
  all: ["deployments"] as const,
  list: (query: DeploymentQuery) => ["deployments", "list", query] as const,
  one: (id: string) => ["deployments", "one", id] as const,
};

/** Deployments that a query finds, page after page. */
export function deploymentList(query: DeploymentQuery) {
  return infiniteQueryOptions({
    queryKey: deploymentKeys.list(query),
    queryFn: ({ pageParam, signal }) =>
      asked(
        api.POST("/api/deployments/filter", { body: { limit: 100, ...query, cursor: pageParam }, signal }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
    refetchInterval: () => pollWhileAway(),
    placeholderData: keepPreviousData,
  });
}

export function deployment(id: string) {
  return queryOptions({
    queryKey: deploymentKeys.one(id),
    queryFn: ({ signal }) =>
      asked(api.GET("/api/deployments/{deployment}", { params: { path: { deployment: id } }, signal })),
    refetchInterval: () => pollWhileAway(),
  });
}

export function versions(id: string) {
  return queryOptions({
    queryKey: [...deploymentKeys.one(id), "versions"] as const,
    queryFn: ({ signal }) =>
      asked(
        api.GET("/api/deployments/{deployment}/versions", { params: { path: { deployment: id } }, signal }),
      ),
  });
}

/** Runs that schedules will make, soonest first. */
export function upcoming(query: DeploymentQuery, until: string, limit = 500) {
  return queryOptions({
    queryKey: ["deployments", "upcoming", query, until, limit] as const,
    queryFn: ({ signal }) =>
      asked(
        api.POST("/api/deployments/upcoming", { body: query, params: { query: { until, limit } }, signal }),
      ),
    placeholderData: keepPreviousData,
  });
}

/** The next times of a schedule that is being written. */
export function preview(spec: ScheduleSpec, count = 8) {
  return queryOptions({
    queryKey: ["schedules", "preview", spec, count] as const,
    queryFn: ({ signal }) => asked(api.POST("/api/schedules/preview", { body: { spec, count }, signal })),
    retry: false,
    placeholderData: keepPreviousData,
  });
}

/** Whether dialogs say what went wrong themselves, and whether what is shown is no more, so that nothing of it is asked for. */
interface Manner {
  quiet?: boolean;
  gone?: boolean;
}

function useChange<Given, Answer>(
  act: (given: Given) => Promise<Answer>,
  { quiet = false, gone = false }: Manner = {},
) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    meta: { quiet },
    onSuccess: () =>
      queries.invalidateQueries({ queryKey: deploymentKeys.all, refetchType: gone ? "none" : "active" }),
  });
}

export function useChangeDeployment(id: string, manner: Manner = {}) {
  const params = { path: { deployment: id } };
  return useChange(
    (body: DeploymentChange) => asked(api.PATCH("/api/deployments/{deployment}", { params, body })),
    manner,
  );
}

export function useDeleteDeployment(id: string) {
  const params = { path: { deployment: id } };
  return useChange(() => asked(api.DELETE("/api/deployments/{deployment}", { params })), {
    quiet: true,
    gone: true,
  });
}

export function useRunDeployment(id: string) {
  const queries = useQueryClient();
  const params = { path: { deployment: id } };
  return useMutation({
    meta: { quiet: true },
    mutationFn: (body: NewDeploymentRun) =>
      asked(api.POST("/api/deployments/{deployment}/runs", { params, body })),
    onSuccess: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: deploymentKeys.all }),
        queries.invalidateQueries({ queryKey: flowRunKeys.all }),
      ]),
  });
}

export function usePromote(id: string) {
  return useChange(
    (number: number) =>
      asked(
        api.POST("/api/deployments/{deployment}/versions/{number}/promote", {
          params: { path: { deployment: id, number } },
        }),
      ),
    { quiet: true },
  );
}

/** Make a schedule, or change the one that has the id. */
export function useSaveSchedule(deploymentId: string, scheduleId: string | null) {
  return useChange(
    (spec: ScheduleSpec) =>
      scheduleId === null
        ? asked(
            api.POST("/api/deployments/{deployment}/schedules", {
              params: { path: { deployment: deploymentId } },
              body: spec,
            }),
          )
        : asked(
            api.PATCH("/api/schedules/{schedule}", {
              params: { path: { schedule: scheduleId } },
              body: { spec },
            }),
          ),
    { quiet: true },
  );
}

export function useSwitchSchedule(id: string) {
  return useChange((active: boolean) =>
    asked(api.PATCH("/api/schedules/{schedule}", { params: { path: { schedule: id } }, body: { active } })),
  );
}

export function useDeleteSchedule(id: string) {
  return useChange(
    () => asked(api.DELETE("/api/schedules/{schedule}", { params: { path: { schedule: id } } })),
    { quiet: true },
  );
}
