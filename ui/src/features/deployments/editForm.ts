import type { DeploymentChange, DeploymentSpec } from "@/api/deployments";

/** What becomes of a run of a deployment whose limit is reached, in words. */
export const STRATEGIES: Record<string, string> = {
  queue: "new runs wait",
  cancel_new: "new runs are cancelled",
  cancel_running: "the oldest that runs is cancelled",
  coalesce_latest: "only the newest waits",
};

/** The form for changes of a deployment, as its fields hold it. */
export interface EditForm {
  description: string;
  tags: string;
  pool: string;
  queue: string;
  priority: string;
  limit: string;
  strategy: string;
  parameters: string;
  variables: string;
}

function shown(value: unknown): string {
  return JSON.stringify(value ?? {}, null, 2);
}

export function formOf(spec: DeploymentSpec): EditForm {
  return {
    description: spec.description ?? "",
    tags: (spec.tags ?? []).join(", "),
    pool: spec.pool ?? "",
    queue: spec.queue ?? "",
    priority: String(spec.priority ?? 0),
    limit: spec.concurrency_limit?.toString() ?? "",
    strategy: spec.collision_strategy ?? "queue",
    parameters: shown(spec.parameters),
    variables: shown(spec.job_variables),
  };
}

function read(text: string): Record<string, unknown> | string {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
    return "It must be an object: { … }";
  } catch (error) {
    return error instanceof Error ? error.message : "It is not JSON.";
  }
}

/** What is wrong, by field; nothing when it can be sent. */
export function problemsOf(form: EditForm): Partial<Record<keyof EditForm, string>> {
  const problems: Partial<Record<keyof EditForm, string>> = {};
  if (!/^-?\d+$/.test(form.priority.trim())) problems.priority = "It must be a whole number.";
  if (form.limit.trim() !== "" && !/^[1-9]\d*$/.test(form.limit.trim()))
    problems.limit = "It must be at least 1, or empty.";
  for (const field of ["parameters", "variables"] as const) {
    const value = read(form[field]);
    if (typeof value === "string") problems[field] = value;
  }
  return problems;
}

/** Only what was changed: what is left out stays as somebody else may have set it meanwhile. */
export function changeOf(before: EditForm, form: EditForm): DeploymentChange {
  const changed = (field: keyof EditForm): boolean => before[field] !== form[field];
  const change: DeploymentChange = {};
  if (changed("description")) change.description = form.description;
  if (changed("tags"))
    change.tags = form.tags
      .split(",")
      .map((tag) => tag.trim())
      .filter((tag) => tag !== "");
  if (changed("pool")) change.pool = form.pool;
  if (changed("queue") && form.queue !== "") change.queue = form.queue;
  if (changed("priority")) change.priority = Number(form.priority);
  if (changed("limit")) change.concurrency_limit = form.limit.trim() === "" ? -1 : Number(form.limit);
  if (changed("strategy"))
    change.collision_strategy = form.strategy as NonNullable<DeploymentChange["collision_strategy"]>;
  const parameters = read(form.parameters);
  if (changed("parameters") && typeof parameters !== "string") change.parameters = parameters;
  const variables = read(form.variables);
  if (changed("variables") && typeof variables !== "string") change.job_variables = variables;
  return change;
}
