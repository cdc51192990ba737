import { describe, expect, it } from "vitest";

import { differences, versionDifferences } from "@/features/deployments/versionDiff";

describe("what two versions say differently", () => {
  it("names the fields that differ, however deep", () => {
    const before = { parameters: { rows: 1, day: "x" }, retries: 2 };
    const after = { parameters: { rows: 2, day: "x" }, launcher: "warm" };
    expect(differences(before, after)).toEqual([
      { path: "launcher", before: undefined, after: "warm" },
      { path: "parameters.rows", before: 1, after: 2 },
      { path: "retries", before: 2, after: undefined },
    ]);
  });

  it("takes lists as one value, and the order of names for nothing", () => {
    expect(differences({ tags: ["a", "b"] }, { tags: ["a", "b"] })).toEqual([]);
    expect(differences({ tags: ["a"] }, { tags: ["b"] })).toEqual([
      { path: "tags", before: ["a"], after: ["b"] },
    ]);
    expect(differences({ a: 1, b: 2 }, { b: 2, a: 1 })).toEqual([]);
  });

  it("leaves out what no version keeps", () => {
    expect(
      versionDifferences({ pool: "a", code: { path: "x" } }, { pool: "b", code: { path: "y" } }),
    ).toEqual([{ path: "code.path", before: "x", after: "y" }]);
  });
});
