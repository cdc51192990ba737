import type { FlowRun } from "@/api/flowRuns";
import { isFinal, stateWord } from "@/lib/states";

export const ACTIONS = ["cancel", "rerun", "resume", "suspend", "copy", "change", "delete"] as const;
export type Action = (typeof ACTIONS)[number];

type Known = Pick<FlowRun, "state_type" | "state_name" | "deployment_id" | "parent_flow_run_id">;

/** Why something cannot be done with a run as it is; null when it can. */
export function hindrance(action: Action, run: Known): string | null {
  const state = run.state_name ?? stateWord(run.state_type ?? undefined);
  const ended = isFinal(run.state_type);
  switch (action) {
    case "cancel":
      if (ended) return `It has ended: ${state}.`;
      return run.state_type === "CANCELLING" ? "It is being cancelled already." : null;
    case "rerun":
      return run.state_type === "SCHEDULED" || run.state_type === "PENDING" ? "It has not begun yet." : null;
    case "resume":
      return run.state_type === "PAUSED" ? null : "It is not paused.";
    case "suspend":
      if (run.parent_flow_run_id != null) return "It is part of another run; suspend that one.";
      if (run.state_type === "PAUSED") return "It waits already.";
      return run.state_type === "RUNNING" ? null : "It is not running.";
    case "copy":
      return run.deployment_id == null
        ? "It is of no deployment, so no worker would run a copy. Call the flow again where its code is."
        : null;
    case "delete":
      return ended ? null : "It has not ended; cancel it first.";
    case "change":
      return null;
  }
}

/** What was noted with a state under a name. */
export function detailOf(state: { details?: object | null | undefined } | undefined, name: string): unknown {
  return (state?.details as Record<string, unknown> | null | undefined)?.[name];
}

/** What is asked for by the pause in which a run is: keys of the inputs that hold the schema and take the answer. */
export function askedFor(run: Pick<FlowRun, "state_type" | "states">): { schema: string | null } | null {
  if (run.state_type !== "PAUSED") return null;
  const keyset = detailOf(run.states?.at(-1), "run_input_keyset");
  if (typeof keyset !== "object" || keyset === null) return null;
  const schema: unknown = (keyset as Record<string, unknown>)["schema"];
  return { schema: typeof schema === "string" ? schema : null };
}

/** The parameters of a run as they were given, when they are there as JSON; null when they can only be looked at. */
export function parametersOf(
  run: Pick<FlowRun, "parameters" | "parameters_payload">,
): Record<string, unknown> | null {
  const payload: unknown = run.parameters_payload;
  if (payload == null) return Object.keys(run.parameters ?? {}).length === 0 ? {} : null;
  if (!Array.isArray(payload)) return null;
  const [serializer, data] = payload as unknown[];
  if (serializer !== "json" || typeof data !== "string") return null;
  try {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null; // not what this page can read: the form then begins with what the deployment has
  }
}
