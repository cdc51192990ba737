import { describe, expect, it } from "vitest";

import { distance, duration } from "@/lib/time";

describe("duration", () => {
  it.each([
    [0.0004, "0.4 ms"],
    [0.042, "42 ms"],
    [0.42, "0.42 s"],
    [3.14, "3.1 s"],
    [59.4, "59 s"],
    [250, "4 min 10 s"],
    [3600, "1 h"],
    [7500, "2 h 5 min"],
    [277_200, "3 d 5 h"],
    [Number.NaN, "–"],
  ])("%d seconds are %s", (seconds, text) => expect(duration(seconds)).toBe(text));
});

describe("distance", () => {
  const now = new Date("2026-11-23T06:00:00Z");
  it.each([
    ["2026-11-23T05:59:48Z", "12 s ago"],
    ["2026-11-23T06:00:01Z", "now"],
    ["2026-11-23T09:00:00Z", "in 3 h"],
    ["2026-11-21T05:00:00Z", "2 d ago"],
  ])("%s is %s", (moment, text) => expect(distance(new Date(moment), now)).toBe(text));
});
