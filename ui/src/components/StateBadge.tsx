import { classes } from "@/lib/classes";
import { lookOf, stateWord } from "@/lib/states";

interface StateProps {
  type: string | null | undefined;
  name?: string | null | undefined;
  className?: string;
}

/** A state: its colour, its mark, and its name in words. */
export function StateBadge({ type, name, className }: StateProps) {
  const look = lookOf(type, name);
  return (
    <span
      className={classes(
        "inline-flex items-center gap-1 rounded-full border px-2 py-px text-xs font-medium whitespace-nowrap",
        className,
      )}
      style={{
        // On its own tint the colour alone would be too faint to read.
        color: `color-mix(in srgb, ${look.colour} 82%, var(--ink))`,
        borderColor: `color-mix(in srgb, ${look.colour} 35%, transparent)`,
        background: `color-mix(in srgb, ${look.colour} 8%, transparent)`,
      }}
    >
      <span aria-hidden className="w-3 text-center text-[0.65rem]">
        {look.mark}
      </span>
      {name ?? stateWord(type)}
    </span>
  );
}
