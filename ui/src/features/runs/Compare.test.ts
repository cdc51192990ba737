import { expect, it } from "vitest";

import { differences } from "@/features/runs/Compare";

it("shows both values of every name, of which one may be missing", () => {
  expect(differences({ day: "mon", count: 1 }, { count: 2, list: [1] })).toEqual([
    ["count", "1", "2"],
    ["day", "mon", "–"],
    ["list", "–", "[1]"],
  ]);
});
