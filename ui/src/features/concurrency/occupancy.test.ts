import { expect, it } from "vitest";

import { kindOf, occupancyOf, readAmount } from "@/features/concurrency/occupancy";

const holder = { lease: "a", slots: 2, since: "", expires: "" };

it("says how full a limit is", () => {
  expect(occupancyOf({ limit: 4, holders: [holder] })).toEqual({
    taken: 2,
    slots: 4,
    share: 0.5,
    over: false,
  });
  expect(occupancyOf({ limit: 1, holders: [holder] })).toMatchObject({ share: 1, over: true });
  expect(occupancyOf({ limit: 0 })).toMatchObject({ taken: 0, share: 0, over: false });
});

it("knows tags", () => {
  expect(kindOf("tag:db")).toBe("Tasks with the tag db");
});

it("reads amounts", () => {
  expect(readAmount("3", true)).toEqual({ value: 3 });
  expect(readAmount("0.5", false)).toEqual({ value: 0.5 });
  expect(readAmount("0.5", true)).toHaveProperty("problem");
  expect(readAmount("", false)).toHaveProperty("problem");
  expect(readAmount("-1", false)).toHaveProperty("problem");
});
