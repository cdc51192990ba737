/** What two versions of a deployment say differently, field by field. */
export interface Difference {
  path: string;
  before: unknown;
  after: unknown;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((one, index) => same(one, b[index]));
  if (isObject(a) && isObject(b)) {
    const names = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...names].every((name) => same(a[name], b[name]));
  }
  return false;
}

/** Objects are looked into; lists are one value, since their places mean nothing by themselves. */
export function differences(before: unknown, after: unknown, path = ""): Difference[] {
  if (same(before, after)) return [];
  if (!isObject(before) || !isObject(after)) return [{ path, before, after }];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) =>
    differences(before[name], after[name], path === "" ? name : `${path}.${name}`),
  );
}

/** A value in a line of a comparison; what is not there is a dash. */
export function shownValue(value: unknown): string {
  if (value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value, null, 1);
}

/** What a version keeps; the rest of a deployment holds for all versions. */
const KEPT = [
  "code",
  "version",
  "parameters",
  "parameter_schema",
  "enforce_parameter_schema",
  "job_variables",
  "environment",
  "needs",
  "launcher",
  "retries",
  "crash_retries",
];

export function versionDifferences(before: object | undefined, after: object | undefined): Difference[] {
  const kept = (spec: object | undefined): Record<string, unknown> =>
    Object.fromEntries(Object.entries(spec ?? {}).filter(([name]) => KEPT.includes(name)));
  return differences(kept(before), kept(after));
}
