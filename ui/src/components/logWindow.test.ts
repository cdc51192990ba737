import { describe, expect, it } from "vitest";

import type { Log } from "@/api/logs";
import {
  EMPTY,
  hashOf,
  lineOf,
  MOST_LINES,
  shifted,
  withFresh,
  withNewer,
  withOlder,
} from "@/components/logWindow";

const line = (id: number): Log => ({ id, timestamp: "", level: 20, logger: "x", message: String(id) });
const lines = (from: number, to: number): Log[] =>
  Array.from({ length: to - from }, (_, index) => line(from + index));
const ids = (window: { lines: Log[] }): number[] => window.lines.map((one) => one.id);

describe("a part of a log", () => {
  it("grows at both ends, and no line is in it twice", () => {
    let window = withNewer(EMPTY, lines(10, 12), true);
    window = withOlder(window, lines(8, 11), true);
    window = withNewer(window, lines(11, 14), false);
    expect(ids(window)).toEqual([8, 9, 10, 11, 12, 13]);
    expect([window.hasOlder, window.hasNewer]).toEqual([true, false]);
  });

  it("takes what comes live at its end, and keeps it for later when the end is not in sight", () => {
    expect(ids(withFresh(withNewer(EMPTY, lines(1, 3), false), lines(2, 4)))).toEqual([1, 2, 3]);
    const away = withFresh(withNewer(EMPTY, lines(1, 3), true), [line(9)]);
    expect(ids(away)).toEqual([1, 2]);
    expect(ids(withNewer(away, lines(3, 9), false))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("holds only so many lines, and knows that there are others", () => {
    const full = withNewer(EMPTY, lines(0, MOST_LINES), false);
    const later = withFresh(full, [line(MOST_LINES)]);
    expect([later.lines.length, later.lines[0]?.id, later.hasOlder]).toEqual([MOST_LINES, 1, true]);
    const earlier = withOlder(full, [line(-1)], false);
    expect([earlier.lines.at(-1)?.id, earlier.hasNewer]).toEqual([MOST_LINES - 2, true]);
  });
});

it("moves a moment by microseconds", () => {
  expect(shifted("2026-11-23T08:00:00.999999Z", 1)).toBe("2026-11-23T08:00:01.000000Z");
  expect(shifted("2026-11-23T08:00:00Z", -1)).toBe("2026-11-23T07:59:59.999999Z");
});

it("reads the line that an address points at", () => {
  const log = { id: 12, timestamp: "2026-11-23T08:00:00.000001Z" };
  expect(lineOf(`#${hashOf(log)}`)).toEqual({ line: 12, at: log.timestamp });
  expect(lineOf("#line=12")).toEqual({ line: 12, at: null });
  expect(lineOf("#line=x")).toBeNull();
  expect(lineOf("")).toBeNull();
});
