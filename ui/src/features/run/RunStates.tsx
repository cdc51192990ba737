import type { Schemas } from "@/api/client";
import { At } from "@/components/Moment";
import { StateBadge } from "@/components/StateBadge";
import { Card } from "@/components/ui/card";
import { detailOf } from "@/features/run/possible";

type State = Schemas["StateView"];

/** Who asked for a state, when somebody did. */
export function askedBy(state: Pick<State, "details" | "message">): string | null {
  const by = detailOf(state, "by");
  if (typeof by !== "string" || by === "" || state.message?.includes(by) === true) return null;
  return by;
}

/** A run's history: each state, when, why, and who asked for it. */
export function RunStates({ states }: { states: State[] }) {
  return (
    <Card title="States">
      <ol aria-label="States" className="px-4 py-3 text-sm">
        {states.map((state, index) => {
          const by = askedBy(state);
          const reason = detailOf(state, "reason");
          return (
            <li
              key={`${state.timestamp} ${index}`}
              className="flex flex-wrap gap-x-4 gap-y-1 border-l-2 border-line py-1.5 pl-4"
            >
              <StateBadge type={state.type} name={state.name} />
              <At at={state.timestamp} />
              {by !== null && <span className="text-ink-2">by {by}</span>}
              <span className="min-w-0 break-words whitespace-pre-wrap text-ink-2">
                {state.message ?? (typeof reason === "string" ? reason : null)}
              </span>
            </li>
          );
        })}
      </ol>
    </Card>
  );
}
