import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { useStream } from "@/api/live";
import { type Log, logPage, type LogQuery, logStream } from "@/api/logs";
import {
  type Anchor,
  EMPTY,
  type LogWindow,
  shifted,
  withFresh,
  withNewer,
  withOlder,
} from "@/components/logWindow";

const PAGE = 500;
/** Milliseconds for which lines that come live are gathered: a thousand lines a second are ten drawings. */
const GATHER_MS = 100;

interface Opened {
  window: LogWindow;
  /** From where the stream is listened to, in microseconds; null: from now. */
  after: string | null;
}

async function opened(query: LogQuery, anchor: Anchor, signal: AbortSignal): Promise<Opened> {
  if (anchor.kind === "start") {
    const first = await logPage({ ...query, limit: PAGE }, signal);
    return { window: withNewer(EMPTY, first.items, first.next != null), after: null };
  }
  if (anchor.kind === "end") {
    const last = await logPage({ ...query, limit: PAGE, newest_first: true }, signal);
    const lines = last.items.toReversed();
    const newest = lines.at(-1);
    return {
      window: withOlder(EMPTY, lines, last.next != null),
      after: newest === undefined ? null : String(Date.parse(newest.timestamp) * 1000),
    };
  }
  const [before, after] = await Promise.all([
    logPage({ ...query, before: anchor.time, limit: PAGE / 2, newest_first: true }, signal),
    logPage({ ...query, after: shifted(anchor.time, -1), limit: PAGE / 2 }, signal),
  ]);
  const window = withOlder(EMPTY, before.items.toReversed(), before.next != null);
  return { window: withNewer(window, after.items, after.next != null), after: null };
}

/** The lines before or after an end of a window: by the end's time, and by page where many lines share one moment. */
async function beyond(query: LogQuery, end: Log, older: boolean): Promise<{ items: Log[]; more: boolean }> {
  const from = older
    ? { before: shifted(end.timestamp, 1), newest_first: true }
    : { after: shifted(end.timestamp, -1) };
  let cursor: string | null = null;
  for (;;) {
    const page = await logPage({ ...query, ...from, limit: PAGE, cursor });
    const moved = page.items.some((one) => one.timestamp !== end.timestamp);
    if (moved || page.next == null) {
      return { items: older ? page.items.toReversed() : page.items, more: page.next != null };
    }
    cursor = page.next;
  }
}

/** A window on the lines that a query finds: opened somewhere, moved to both ends, followed while lines come. */
export function useLogWindow(query: LogQuery, anchor: Anchor, live: boolean) {
  const [state, setState] = useState<Opened | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState<"older" | "newer" | null>(null);
  const [round, setRound] = useState(0);
  const gathered = useRef<Log[]>([]);

  useEffect(() => {
    const stop = new AbortController();
    opened(query, anchor, stop.signal).then(
      (made) => {
        setProblem(null);
        setState(made);
      },
      (reason: unknown) => {
        if (!stop.signal.aborted) setProblem(reason);
      },
    );
    return () => stop.abort();
  }, [query, anchor, round]);

  const change = useCallback((to: (window: LogWindow) => LogWindow): void => {
    setState((before) => (before === null ? null : { ...before, window: to(before.window) }));
  }, []);

  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const hear = useCallback(
    (_kind: string, value: unknown): void => {
      gathered.current.push(value as Log);
      timer.current ??= setTimeout(() => {
        timer.current = undefined;
        const fresh = gathered.current;
        gathered.current = [];
        change((window) => withFresh(window, fresh));
      }, GATHER_MS);
    },
    [change],
  );
  useEffect(() => () => clearTimeout(timer.current), []);
  const path = state === null || !live ? null : logStream(query, state.after);
  useStream(path, ["log"], hear);

  const move = async (older: boolean): Promise<void> => {
    const lines = state?.window.lines ?? [];
    const end = older ? lines[0] : lines.at(-1);
    if (end === undefined || busy !== null) return;
    setBusy(older ? "older" : "newer");
    try {
      const { items, more } = await beyond(query, end, older);
      change((window) => (older ? withOlder(window, items, more) : withNewer(window, items, more)));
      setProblem(null);
    } catch (reason) {
      setProblem(reason);
    } finally {
      setBusy(null);
    }
  };
  return useMemo(
    () => ({
      window: state?.window ?? null,
      problem,
      busy,
      older: () => void move(true),
      newer: () => void move(false),
      again: () => setRound((before) => before + 1),
    }),
    // `move` is made anew with every drawing, from what is listed here.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [state, problem, busy],
  );
}
