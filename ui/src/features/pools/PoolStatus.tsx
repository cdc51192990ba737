import { classes } from "@/lib/classes";

const LOOKS: Record<string, [string, string]> = {
  ready: ["✓", "text-[var(--state-completed)]"],
  online: ["✓", "text-[var(--state-completed)]"],
  paused: ["Ⅱ", "text-[var(--state-paused)]"],
  draining: ["◌", "text-[var(--state-paused)]"],
  not_ready: ["!", "text-[var(--state-late)]"],
  offline: ["✕", "text-[var(--state-failed)]"],
};

/** How a pool, a worker or a deployment is, in a word with its mark. */
export function PoolStatus({ status }: { status: string | undefined }) {
  const word = status ?? "not_ready";
  const [mark, colour] = LOOKS[word] ?? ["·", "text-ink-3"];
  return (
    <span className={classes("inline-flex items-center gap-1 text-xs font-medium whitespace-nowrap", colour)}>
      <span aria-hidden>{mark}</span>
      {word.replaceAll("_", " ")}
    </span>
  );
}
