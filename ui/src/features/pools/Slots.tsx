/** How many of the slots of a pool or a queue are taken. */
export function Slots({ active, slots }: { active: number; slots: number | null | undefined }) {
  if (slots == null) {
    return (
      <p className="text-xs text-ink-2 tabular-nums">
        {active.toLocaleString()} running <span className="text-ink-3">· no limit</span>
      </p>
    );
  }
  const share = slots === 0 ? 1 : Math.min(1, active / slots);
  return (
    <div className="space-y-1">
      <p className="text-xs text-ink-2 tabular-nums">
        {active.toLocaleString()} of {slots.toLocaleString()} {slots === 1 ? "slot" : "slots"} taken
      </p>
      <div className="h-1.5 overflow-hidden rounded-full bg-sunken" aria-hidden>
        <div
          className="h-full rounded-full"
          style={{ width: `${share * 100}%`, background: share >= 1 ? "var(--state-late)" : "var(--accent)" }}
        />
      </div>
    </div>
  );
}
