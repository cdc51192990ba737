import { describe, expect, it } from "vitest";

import { parametersOf, queryOf, spanOf } from "@/features/runs/query";
import { readRunFilters } from "@/lib/filters";

const NOW = Date.parse("2026-11-23T06:00:30Z");

describe("what an address says", () => {
  it("becomes the query of the server", () => {
    const filters = readRunFilters({
      range: "1h",
      state: ["FAILED", "nonsense"],
      flow: "etl",
      error: "disk",
      min: 3,
      top: false,
    });
    expect(queryOf(filters, NOW)).toEqual({
      expected_after: "2026-11-23T05:00:00.000Z",
      state_types: ["FAILED"],
      flow_names: ["etl"],
      error_like: "disk",
      min_seconds: 3,
    });
  });

  it("is left out where it cannot be used", () => {
    expect(readRunFilters({ range: "1 year", min: -3, since: "tomorrow", name: "", tag: [7] })).toEqual({});
  });
});

it("shows the last seven days, without subflow runs, unless told otherwise", () => {
  expect(queryOf({}, NOW)).toEqual({ expected_after: "2026-11-16T06:00:00.000Z", top_level: true });
  expect(spanOf({}, NOW).until).toBe("2026-11-23T06:01:00.000Z");
});

it("reads a parameter as name and value", () => {
  expect(parametersOf("url = a=b")).toEqual({ url: "a=b" });
  expect(parametersOf("url")).toEqual({});
});
