import { describe, expect, it } from "vitest";

import { parametersOf, queryOf, spanOf } from "@/features/runs/query";
import { ignoredFilters, readRunFilters } from "@/lib/filters";

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
    expect(readRunFilters({ range: "1 year", min: -3, since: "tomorrow", name: "", tag: [{}] })).toEqual({});
  });
});

it("shows the last seven days, without subflow runs, unless told otherwise", () => {
  expect(queryOf({}, NOW)).toEqual({ expected_after: "2026-11-16T06:00:00.000Z", top_level: true });
  expect(spanOf({}, NOW).until).toBe("2026-11-23T06:01:00.000Z");
});

it("reads a parameter as name and value, and asks for it as runs show it", () => {
  expect(parametersOf("url = a=b")).toEqual({ url: "'a=b'" });
  expect(parametersOf("url")).toEqual({});
  const shown = (typed: string): string | undefined => parametersOf(`x=${typed}`)["x"];
  expect(["5", "-0.5", "'5'", '"5"', "true", "None", "it's"].map(shown)).toEqual([
    "5",
    "-0.5",
    "'5'",
    "'5'",
    "True",
    "None",
    '"it\'s"',
  ]);
  expect(shown('["faro", 1, {"a": null}]')).toBe("['faro', 1, {'a': None}]");
  expect(shown("['faro']")).toBe("['faro']");
});

it("takes a version for the number of a deployment's, or for that of the code", () => {
  expect(queryOf({ version: "3" }, NOW)).toMatchObject({ deployment_versions: [3] });
  expect(queryOf({ version: "194eb897" }, NOW)).toMatchObject({ flow_versions: ["194eb897"] });
});

it("says which filters of an address it does not use", () => {
  expect(ignoredFilters({ state: ["failed", "sleepy"], min: "soon", colour: "red", flow: 7 })).toEqual([
    "state=sleepy",
    "min=soon",
    "colour=red",
  ]);
  expect(ignoredFilters({ state: "FAILED", range: "24h", top: false, max: 3 })).toEqual([]);
  expect(readRunFilters({ state: "failed", flow: 7, parameter: 5 })).toEqual({
    state: ["FAILED"],
    flow: ["7"],
    parameter: "5",
  });
});
