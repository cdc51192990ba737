import { describe, expect, it } from "vitest";

import { dragged, readEventSearch, streamPath, stretchOf } from "@/features/events/search";

const SINCE = "2026-01-01T00:00:00.000Z";
const UNTIL = "2026-01-01T01:00:00.000Z";

it("reads an address, and leaves out what cannot be used", () => {
  expect(readEventSearch({ range: "6h", event: " levada. ", since: "x", until: UNTIL })).toEqual({
    range: "6h",
    event: "levada.",
  });
  expect(readEventSearch({ since: SINCE, until: UNTIL })).toEqual({ since: SINCE, until: UNTIL });
  expect(readEventSearch({ since: UNTIL, until: SINCE })).toEqual({});
});

it("looks at the last hours, or at a fixed stretch", () => {
  expect(stretchOf({ range: "1h" }, Date.parse("2026-01-01T00:59:30Z"))).toEqual({
    since: SINCE,
    until: UNTIL,
  });
  expect(stretchOf({ since: SINCE, until: UNTIL }, 0)).toEqual({ since: SINCE, until: UNTIL });
});

it("asks the stream for what is searched", () => {
  expect(streamPath({})).toBe("/api/events/stream");
  expect(streamPath({ event: "a.b", text: "x y" })).toBe("/api/events/stream?event=a.b&text=x+y");
});

describe("dragged", () => {
  it("takes a stretch in either direction", () => {
    const half = { since: "2026-01-01T00:15:00.000Z", until: "2026-01-01T00:30:00.000Z" };
    expect(dragged(0.25, 0.5, SINCE, UNTIL)).toEqual(half);
    expect(dragged(0.5, 0.25, SINCE, UNTIL)).toEqual(half);
    expect(dragged(-1, 2, SINCE, UNTIL)).toEqual({ since: SINCE, until: UNTIL });
  });
  it("takes no click for a drag", () => {
    expect(dragged(0.5, 0.5, SINCE, UNTIL)).toBeNull();
  });
});
