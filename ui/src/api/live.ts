import { useEffect, useSyncExternalStore } from "react";

/**
 * Streams of the server: what happens is told as it happens, and no page asks again and again.
 *
 * The browser reconnects by itself and says where it was. While a stream is away `useLiveTrouble` is true, and queries
 * that say `refetchInterval: pollWhileAway()` ask by themselves until it is back.
 */
export type Kind = "flow-run" | "task-run" | "log" | "event";

interface Subscription {
  path: string;
  kinds: readonly Kind[];
  hear: (kind: Kind, value: unknown) => void;
  back?: (() => void) | undefined;
}

const away = new Set<symbol>();
const watchers = new Set<() => void>();

/** Milliseconds between questions while a stream is away. */
const POLL_MS = 5_000;

function note(id: symbol, isAway: boolean): void {
  const before = away.size;
  if (isAway) away.add(id);
  else away.delete(id);
  if (before > 0 !== away.size > 0) for (const each of watchers) each();
}

function watch(changed: () => void): () => void {
  watchers.add(changed);
  return () => watchers.delete(changed);
}

/** Whether what is shown may be old, because the server's stream is away. */
export function useLiveTrouble(): boolean {
  return useSyncExternalStore(watch, () => away.size > 0);
}

/** For `refetchInterval` of queries that a stream keeps current. */
export function pollWhileAway(): number | false {
  return away.size > 0 ? POLL_MS : false;
}

/** Listen to a stream. Returns what ends it. */
export function listen({ path, kinds, hear, back }: Subscription): () => void {
  const id = Symbol(path);
  let source: EventSource | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  let lost = false;

  const open = (): void => {
    source = new EventSource(path);
    source.onopen = () => {
      note(id, false);
      if (lost) back?.();
      lost = false;
    };
    source.onerror = () => {
      lost = true;
      note(id, true);
      // A refused stream is closed for good by the browser; one that broke comes back by itself.
      if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, POLL_MS);
    };
    for (const kind of kinds) {
      source.addEventListener(kind, (message) =>
        hear(kind, JSON.parse((message as MessageEvent<string>).data)),
      );
    }
  };
  open();
  return () => {
    clearTimeout(again);
    source?.close();
    note(id, false);
  };
}

/** Call `act` soon after the first call and not more often than every `milliseconds`. */
export function throttled(act: () => void, milliseconds: number): { (): void; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const call = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      act();
    }, milliseconds);
  };
  call.cancel = () => {
    clearTimeout(timer);
  };
  return call;
}

/** A stream for as long as a component shows something of it. `null` as path listens to nothing. */
export function useStream(
  path: string | null,
  kinds: readonly Kind[],
  hear: Subscription["hear"],
  back?: () => void,
): void {
  const wanted = kinds.join(" ");
  useEffect(() => {
    if (path === null) return;
    return listen({ path, kinds: wanted.split(" ") as Kind[], hear, back });
    // `hear` and `back` are made anew with every drawing; who passes them sees to it that an old one does no harm.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [path, wanted]);
}
