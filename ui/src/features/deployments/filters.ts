import type { DeploymentQuery } from "@/api/deployments";

/** What the list of deployments shows, as it stands in its address. */
export interface DeploymentFilters {
  name?: string;
  tag?: string[];
  flow?: string[];
  paused?: boolean;
}

function texts(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter(
    (one): one is string => typeof one === "string" && one !== "",
  );
}

/** Filters from an address; what cannot be used is left out. */
export function readFilters(search: Record<string, unknown>): DeploymentFilters {
  const [tag, flow, name] = [texts(search["tag"]), texts(search["flow"]), search["name"]];
  return {
    ...(typeof name === "string" && name !== "" ? { name } : {}),
    ...(tag.length > 0 ? { tag } : {}),
    ...(flow.length > 0 ? { flow } : {}),
    ...(typeof search["paused"] === "boolean" ? { paused: search["paused"] } : {}),
  };
}

export function queryOf(filters: DeploymentFilters): DeploymentQuery {
  return {
    ...(filters.name === undefined ? {} : { name_like: filters.name }),
    ...(filters.tag === undefined ? {} : { tags: filters.tag }),
    ...(filters.flow === undefined ? {} : { flow_names: filters.flow }),
    ...(filters.paused === undefined ? {} : { paused: filters.paused }),
  };
}

/** The filters but one. */
export function without(filters: DeploymentFilters, name: keyof DeploymentFilters): DeploymentFilters {
  return Object.fromEntries(Object.entries(filters).filter(([one]) => one !== name));
}
