import { useEffect, useSyncExternalStore } from "react";

/**
 * Streams of the server: what happens is told as it happens, and no page asks again and again.
 *
 * The browser reconnects by itself and says where it was. While a stream is away `useLiveTrouble` is true, and queries
 * that say `refetchInterval: pollWhileAway()` ask by themselves until it is back.
 */
const KINDS = ["flow-run", "task-run", "log", "event"] as const;
export type Kind = (typeof KINDS)[number];

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

/** Milliseconds in the background after which a tab gives its connection back. */
const HIDDEN_MS = 20_000;

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

/** One connection for all that listen to the same address: a browser has six for a server, all its tabs together. */
class Source {
  readonly heard = new Set<Subscription>();
  private readonly id: symbol;
  private source: EventSource | undefined;
  private again: ReturnType<typeof setTimeout> | undefined;
  private lost = false;
  private last = "";

  constructor(private readonly path: string) {
    this.id = Symbol(path);
    document.addEventListener("visibilitychange", this.turn);
    this.open();
  }

  /** Nobody looks at a tab in the background: its connection is for those that are looked at. */
  private readonly turn = (): void => {
    if (document.visibilityState === "visible") {
      clearTimeout(this.again);
      if (this.source === undefined) this.open();
      return;
    }
    clearTimeout(this.again);
    this.again = setTimeout(() => {
      this.source?.close();
      this.source = undefined;
      this.lost = true;
      note(this.id, false);
    }, HIDDEN_MS);
  };

  private readonly open = (): void => {
    this.source?.close();
    const source = new EventSource(this.address());
    this.source = source;
    source.onopen = () => {
      note(this.id, false);
      if (this.lost) for (const one of this.heard) one.back?.();
      this.lost = false;
    };
    source.onerror = () => {
      this.lost = true;
      note(this.id, true);
      // A refused stream is closed for good by the browser; one that broke comes back by itself.
      if (source.readyState === EventSource.CLOSED) this.again = setTimeout(this.open, POLL_MS);
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        const message = event as MessageEvent<string>;
        this.last = message.lastEventId;
        const value: unknown = JSON.parse(message.data);
        for (const one of this.heard) if (one.kinds.includes(kind)) one.hear(kind, value);
      });
    }
  };

  /** A connection that is made anew goes on where the one before was. */
  private address(): string {
    if (this.last === "") return this.path;
    const [path, query] = this.path.split("?");
    const asked = new URLSearchParams(query);
    asked.set("after", this.last);
    return `${path}?${asked.toString()}`;
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.turn);
    clearTimeout(this.again);
    this.source?.close();
    note(this.id, false);
  }
}

const sources = new Map<string, Source>();

/** Listen to a stream. Returns what ends it. */
export function listen(subscription: Subscription): () => void {
  const { path } = subscription;
  const source = sources.get(path) ?? new Source(path);
  sources.set(path, source);
  source.heard.add(subscription);
  return () => {
    source.heard.delete(subscription);
    if (source.heard.size > 0) return;
    source.close();
    sources.delete(path);
  };
}

/** Call `act` at once, and for what follows not more often than every `milliseconds`; the last call is never lost. */
export function throttled(act: () => void, milliseconds: number): { (): void; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wanted = false;
  const rest = (): void => {
    timer = setTimeout(() => {
      timer = undefined;
      if (!wanted) return;
      wanted = false;
      act();
      rest();
    }, milliseconds);
  };
  const call = (): void => {
    if (timer !== undefined) {
      wanted = true;
      return;
    }
    act();
    rest();
  };
  call.cancel = () => {
    clearTimeout(timer);
    timer = undefined;
    wanted = false;
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
