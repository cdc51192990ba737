import { describe, expect, it } from "vitest";

import { byDay, weeksOf } from "@/features/deployments/calendar";
import { madeAt } from "@/features/deployments/madeAt";
import { formOf, specOf } from "@/features/deployments/scheduleForm";

describe("a calendar", () => {
  it("puts a moment on the day that it has in the zone", () => {
    const moments = [{ nominal: "2026-03-28T23:30:00Z" }, { nominal: "2026-03-29T23:30:00Z" }];
    expect([...byDay(moments, "UTC")]).toEqual([
      ["2026-03-28", ["23:30"]],
      ["2026-03-29", ["23:30"]],
    ]);
    expect([...byDay(moments, "Europe/Lisbon")]).toEqual([
      ["2026-03-28", ["23:30"]],
      ["2026-03-30", ["00:30"]],
    ]);
  });

  it("has whole weeks from Monday on, and loses no day when summer time comes", () => {
    const weeks = weeksOf(new Date("2026-03-27T12:00:00Z"), 7, "Europe/Lisbon");
    expect(weeks.map((week) => week[0]?.key)).toEqual(["2026-03-23", "2026-03-30"]);
    expect(
      weeks
        .flat()
        .filter((day) => day.inside)
        .map((day) => day.key),
    ).toHaveLength(7);
  });
});

describe("the form of a schedule", () => {
  it("gives back the schedule that it was made of", () => {
    const spec = {
      timing: { kind: "cron" as const, cron: "0 2 * * *", timezone: "Europe/Lisbon", day_or: false },
      slug: "nightly",
      catchup: "all" as const,
      catchup_most: 5,
      start: "2026-01-01T00:00:00.000Z",
      blackout: ["2026-12-25"],
      max_active_runs: 2,
      parameters: { rows: 1 },
    };
    expect(specOf(formOf(spec, "UTC"), spec, { rows: 1 })).toMatchObject(spec);
  });

  it("says an interval in the largest unit that has no rest", () => {
    const form = formOf({ timing: { kind: "interval", seconds: 5_400 } }, "UTC");
    expect([form.every, form.unit]).toEqual(["90", "minutes"]);
    expect(specOf(form, null, {}).timing).toMatchObject({ kind: "interval", seconds: 5_400 });
  });
});

it("reads when a run was made from its id", () => {
  expect(madeAt("01a206fe-2c6c-7068-b021-8c3de6b475ea")).toBe("2026-11-23T06:00:50.540Z");
});
