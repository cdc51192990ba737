import { lookOf, STATE_TYPES, stateWord } from "@/lib/states";

import { STATES, type StateCode, UNKNOWN_STATE } from "../types";

interface LegendProps {
  totals: ReadonlyMap<StateCode, number>;
  chosen: ReadonlySet<StateCode>;
  onToggle: (state: StateCode) => void;
}

/** What the colours mean, with counts; pressed, only those states stand out. */
export function Legend({ totals, chosen, onToggle }: LegendProps) {
  const codes = [...STATE_TYPES.keys(), UNKNOWN_STATE].filter(
    (code) => (totals.get(code) ?? 0) > 0 || chosen.has(code),
  );
  return (
    <div role="group" aria-label="States in the graph" className="flex flex-wrap gap-1">
      {codes.map((code) => {
        const look = lookOf(STATES[code]);
        return (
          <button
            key={code}
            type="button"
            aria-pressed={chosen.has(code)}
            onClick={() => onToggle(code)}
            className="flex h-6 items-center gap-1 rounded px-1.5 text-xs text-ink-2 hover:bg-sunken aria-pressed:bg-accent-soft aria-pressed:text-ink"
          >
            <span aria-hidden className="text-[0.7rem]" style={{ color: look.colour }}>
              {look.mark}
            </span>
            {STATES[code] === undefined ? "Not begun" : stateWord(STATES[code])}
            <span className="font-semibold text-ink">{(totals.get(code) ?? 0).toLocaleString()}</span>
          </button>
        );
      })}
    </div>
  );
}
