import { useQuery } from "@tanstack/react-query";

import { type Log, logPage, type LogQuery } from "@/api/logs";
import { pieces } from "@/components/ansi";
import { clockTime, exactTime } from "@/lib/time";

const LINES = 40;
/** Milliseconds between questions while more may come: a glance, not the log, which has its own stream. */
const AGAIN_MS = 3000;

/** The last lines of something, the last one below. */
export function LatestLines({ about, live }: { about: LogQuery; live: boolean }) {
  const found = useQuery({
    queryKey: ["logs", "latest", about] as const,
    queryFn: ({ signal }) => logPage({ ...about, limit: LINES, newest_first: true }, signal),
    refetchInterval: live ? AGAIN_MS : false,
  });
  const lines = found.data?.items ?? [];
  if (lines.length === 0) return null;
  return (
    <section>
      <h3 className="mb-1 font-semibold text-ink-2">Latest lines</h3>
      <div
        role="log"
        aria-label="Latest lines"
        tabIndex={0}
        className="flex max-h-52 flex-col-reverse overflow-auto rounded bg-sunken px-2 py-1 font-mono text-[0.7rem]"
      >
        {lines.map((line) => (
          <div key={line.id} className="flex gap-2">
            <time className="shrink-0 text-ink-3" title={exactTime(new Date(line.timestamp))}>
              {clockTime(new Date(line.timestamp)).slice(0, 8)}
            </time>
            <span className="break-words whitespace-pre-wrap" style={{ color: colourOf(line) }}>
              {pieces(line.message).map((piece) => piece.text)}
            </span>
          </div>
        ))}
      </div>
    </section>
  );
}

function colourOf({ level }: Log): string | undefined {
  if (level >= 40) return "var(--danger)";
  return level >= 30 ? "var(--state-late)" : undefined;
}
