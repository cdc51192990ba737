import { isStateType } from "@/lib/states";
import type { StateType } from "@/lib/states";

/** What a page shows, as it stands in its address, so that a link to it is a link to what is seen. */

export const RANGES = { "1h": 3_600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000 } as const;
export type Range = keyof typeof RANGES;

export interface RunFilters {
  range?: Range;
  state?: StateType[];
  flow?: string[];
  deployment?: string[];
  pool?: string[];
  tag?: string[];
  name?: string;
  error?: string;
  version?: string;
  creator?: string;
  parameter?: string;
  min?: number;
  max?: number;
  top?: boolean;
  since?: string;
  until?: string;
}

function texts(value: unknown): string[] | undefined {
  const found = (Array.isArray(value) ? value : [value])
    .map((one: unknown) => (typeof one === "number" ? String(one) : one))
    .filter((one): one is string => typeof one === "string" && one !== "");
  return found.length > 0 ? found : undefined;
}

function states(value: unknown): StateType[] | undefined {
  const found = texts(value)
    ?.map((one) => one.toUpperCase())
    .filter(isStateType);
  return found === undefined || found.length === 0 ? undefined : found;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== ""
    ? value
    : typeof value === "number"
      ? String(value)
      : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function moment(value: unknown): string | undefined {
  return typeof value === "string" && !Number.isNaN(Date.parse(value)) ? value : undefined;
}

function defined<T extends object>(given: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
}

export function readRange(search: Record<string, unknown>): { range?: Range; tag?: string[] } {
  const range = search["range"];
  return defined<{ range?: Range; tag?: string[] }>({
    range: typeof range === "string" && range in RANGES ? (range as Range) : undefined,
    tag: texts(search["tag"]),
  });
}

/** Filters of runs from an address; what cannot be used is left out. */
export function readRunFilters(search: Record<string, unknown>): RunFilters {
  return defined<RunFilters>({
    ...readRange(search),
    state: states(search["state"]),
    flow: texts(search["flow"]),
    deployment: texts(search["deployment"]),
    pool: texts(search["pool"]),
    name: text(search["name"]),
    error: text(search["error"]),
    version: text(search["version"]),
    creator: text(search["creator"]),
    parameter: text(search["parameter"]),
    min: number(search["min"]),
    max: number(search["max"]),
    top: search["top"] === false ? false : undefined,
    since: moment(search["since"]),
    until: moment(search["until"]),
  });
}

/**
 * Filters of runs as the address keeps them: states that there are none stay in it, so that the page can name them. The
 * page itself uses what `readRunFilters` makes of it.
 */
export function keepRunFilters(search: Record<string, unknown>): RunFilters {
  const said = texts(search["state"]);
  return { ...readRunFilters(search), ...(said === undefined ? {} : { state: said as StateType[] }) };
}

/** What stands in an address and is no filter, or none that could be used: `name=value` for each. */
export function ignoredFilters(search: Record<string, unknown>): string[] {
  const used: Record<string, unknown> = { ...readRunFilters(search) };
  const said = (name: string, value: unknown): string =>
    `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
  return Object.entries(search).flatMap(([name, value]) => {
    if (value === undefined || value === "" || (name === "top" && value === true)) return [];
    if (used[name] === undefined) return [said(name, value)];
    if (!Array.isArray(value) || name !== "state") return [];
    return value.filter((one) => states(one) === undefined).map((one: unknown) => said(name, one));
  });
}
