import type { FlowRunQuery } from "@/api/flowRuns";
import { RANGES, type RunFilters } from "@/lib/filters";

/** How far back runs are shown unless somebody says otherwise. */
export const DEFAULT_RANGE = "7d";

/** A moment so long ago, to the minute: what is shown is not asked for anew with every drawing. */
export function ago(seconds: number, now: number): string {
  return new Date(Math.floor(now / 60_000) * 60_000 - seconds * 1000).toISOString();
}

/** From when to when runs are shown. */
export function spanOf(filters: RunFilters, now: number): { since: string; until: string } {
  const until = filters.until ?? new Date(Math.ceil((now + 1) / 60_000) * 60_000).toISOString();
  return { since: filters.since ?? ago(RANGES[filters.range ?? DEFAULT_RANGE], now), until };
}

/** A value as Python writes it, which is how runs keep what is shown of their parameters. */
function inPython(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") {
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
    const inner = value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t");
    return `${quote}${quote === "'" ? inner.replaceAll("'", "\\'") : inner}${quote}`;
  }
  if (Array.isArray(value)) return `[${value.map(inPython).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([name, one]) => `${inPython(name)}: ${inPython(one)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}

/** What somebody typed for a value: a number, a word of Python, something quoted or in brackets stands for itself. */
function shownOf(typed: string): string {
  if (/^(None|True|False|'.*'|-?\d+(\.\d+)?(e[+-]?\d+)?)$/s.test(typed)) return typed;
  try {
    return inPython(JSON.parse(typed));
  } catch {
    return /^[[{(]/.test(typed) ? typed : inPython(typed); // a list as Python shows it, or plain text
  }
}

/** `day=2026-11-23` as the server asks for it: by name, as the short text that is shown of a value. */
export function parametersOf(text: string): Record<string, string> {
  const [name, ...rest] = text.split("=");
  return name === undefined || rest.length === 0 ? {} : { [name.trim()]: shownOf(rest.join("=").trim()) };
}

/** The number of a deployment's version, or the version of a flow's code. */
function versionOf(text: string): Pick<FlowRunQuery, "deployment_versions" | "flow_versions"> {
  return /^v?\d{1,9}$/.test(text)
    ? { deployment_versions: [Number(text.replace("v", ""))] }
    : { flow_versions: [text] };
}

/** The server's query for what the filters of a page say. */
export function queryOf(filters: RunFilters, now: number): FlowRunQuery {
  const { since, until } = spanOf(filters, now);
  const given = {
    expected_after: since,
    expected_before: filters.until === undefined ? undefined : until,
    state_types: filters.state,
    flow_names: filters.flow,
    deployment_names: filters.deployment,
    work_pool_names: filters.pool,
    tags_all: filters.tag,
    name_like: filters.name,
    error_like: filters.error,
    ...(filters.version === undefined ? {} : versionOf(filters.version)),
    created_by: filters.creator === undefined ? undefined : [filters.creator],
    parameters: filters.parameter === undefined ? undefined : parametersOf(filters.parameter),
    min_seconds: filters.min,
    max_seconds: filters.max,
    top_level: filters.top === false ? undefined : true,
  } satisfies { [K in keyof FlowRunQuery]: FlowRunQuery[K] | undefined };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
