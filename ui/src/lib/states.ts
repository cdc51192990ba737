import type { components } from "@/api/schema";

/** What a state is drawn with: a colour from `index.css`, and a letter beside it, for whom colours do not tell apart. */
export interface StateLook {
  colour: string;
  mark: string;
}

const LOOKS: Record<string, StateLook> = {
  SCHEDULED: { colour: "var(--state-scheduled)", mark: "◷" },
  PENDING: { colour: "var(--state-pending)", mark: "◌" },
  RUNNING: { colour: "var(--state-running)", mark: "▶" },
  COMPLETED: { colour: "var(--state-completed)", mark: "✓" },
  FAILED: { colour: "var(--state-failed)", mark: "✕" },
  CRASHED: { colour: "var(--state-crashed)", mark: "⚡" },
  CANCELLED: { colour: "var(--state-cancelled)", mark: "⊘" },
  CANCELLING: { colour: "var(--state-cancelled)", mark: "⊘" },
  PAUSED: { colour: "var(--state-paused)", mark: "Ⅱ" },
};

const LATE: StateLook = { colour: "var(--state-late)", mark: "!" };
const UNKNOWN: StateLook = { colour: "var(--ink-3)", mark: "?" };

/** The types of states, in the order of a run's life. */
export const STATE_TYPES = [
  "SCHEDULED",
  "PENDING",
  "RUNNING",
  "PAUSED",
  "CANCELLING",
  "COMPLETED",
  "FAILED",
  "CRASHED",
  "CANCELLED",
] as const satisfies readonly StateType[];

export type StateType = components["schemas"]["StateType"];

const FINAL = new Set<string>(["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]);

export function lookOf(type: string | null | undefined, name?: string | null): StateLook {
  if (name === "Late") return LATE;
  return LOOKS[type ?? ""] ?? UNKNOWN;
}

/** Whether nothing more happens to a run of this state by itself. */
export function isFinal(type: string | null | undefined): boolean {
  return FINAL.has(type ?? "");
}

/** `COMPLETED` as people write it: `Completed`. */
export function stateWord(type: string | null | undefined): string {
  return type ? type.charAt(0) + type.slice(1).toLowerCase() : "Unknown";
}

export function isStateType(text: string): text is StateType {
  return (STATE_TYPES as readonly string[]).includes(text);
}
