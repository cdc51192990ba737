// @vitest-environment jsdom
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { listen, pollWhileAway, throttled } from "@/api/live";

/** The browser's own, as far as it is used: a connection that a test opens, breaks and speaks through. */
class Stream extends EventTarget {
  static readonly CLOSED = 2;
  static all: Stream[] = [];
  readyState = 0;
  onopen: (() => void) | undefined;
  onerror: (() => void) | undefined;

  constructor(readonly url: string) {
    super();
    Stream.all.push(this);
  }

  close(): void {
    this.readyState = Stream.CLOSED;
  }

  say(kind: string, value: unknown, lastEventId: string): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(value), lastEventId }));
  }
}

function look(state: "visible" | "hidden"): void {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue(state);
  document.dispatchEvent(new Event("visibilitychange"));
}

beforeEach(() => {
  vi.useFakeTimers();
  Stream.all = [];
  vi.stubGlobal("EventSource", Stream);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

it("has one connection for all that listen to the same", () => {
  const heard: string[] = [];
  const ends = ["a", "b"].map((name) =>
    listen({ path: "/s", kinds: ["flow-run"], hear: (_, value) => heard.push(`${name}${String(value)}`) }),
  );
  expect(Stream.all).toHaveLength(1);
  Stream.all[0]?.say("flow-run", 1, "7");
  Stream.all[0]?.say("log", 2, "8");
  expect(heard).toEqual(["a1", "b1"]);
  ends[0]?.();
  expect(Stream.all[0]?.readyState).toBe(0);
  ends[1]?.();
  expect(Stream.all[0]?.readyState).toBe(Stream.CLOSED);
});

it("has queries poll while it is away, and all asked for again when it is back", () => {
  const back = vi.fn();
  const end = listen({ path: "/s", kinds: ["log"], hear: () => undefined, back });
  Stream.all[0]?.onopen?.();
  expect(pollWhileAway()).toBe(false);
  Stream.all[0]?.onerror?.();
  expect(pollWhileAway()).toBe(5_000);
  Stream.all[0]?.onopen?.();
  expect(pollWhileAway()).toBe(false);
  expect(back).toHaveBeenCalledTimes(1);
  end();
});

it("goes on where it was when a refused stream is opened anew", () => {
  const end = listen({ path: "/s?tag=a", kinds: ["log"], hear: () => undefined });
  Stream.all[0]?.say("log", 1, "12-3");
  Stream.all[0]?.close();
  Stream.all[0]?.onerror?.();
  vi.advanceTimersByTime(5_000);
  expect(Stream.all[1]?.url).toBe("/s?tag=a&after=12-3");
  end();
  expect(pollWhileAway()).toBe(false);
});

it("gives its connection back in a tab that nobody looks at", () => {
  const back = vi.fn();
  const end = listen({ path: "/s", kinds: ["log"], hear: () => undefined, back });
  look("hidden");
  vi.advanceTimersByTime(20_000);
  expect(Stream.all[0]?.readyState).toBe(Stream.CLOSED);
  expect(pollWhileAway()).toBe(false);
  look("visible");
  expect(Stream.all).toHaveLength(2);
  Stream.all[1]?.onopen?.();
  expect(back).toHaveBeenCalledTimes(1);
  end();
});

it("acts at once, and not more often than it is told", () => {
  const act = vi.fn();
  const call = throttled(act, 1_000);
  call();
  expect(act).toHaveBeenCalledTimes(1);
  for (let count = 0; count < 50; count += 1) call();
  vi.advanceTimersByTime(999);
  expect(act).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1);
  expect(act).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(5_000);
  expect(act).toHaveBeenCalledTimes(2);
  call();
  expect(act).toHaveBeenCalledTimes(3);
  call();
  call.cancel();
  vi.advanceTimersByTime(5_000);
  expect(act).toHaveBeenCalledTimes(3);
});
