import { expect, test } from "vitest";

import { changeOf, formOf, problemsOf } from "@/features/deployments/editForm";

const form = formOf({
  flow_name: "etl",
  name: "nightly",
  code: { entrypoint: "etl.py:etl" },
  tags: ["a", "b"],
  pool: "warehouse",
  concurrency_limit: 2,
  parameters: { day: "mon" },
});

test("nothing is sent of what was not changed", () => {
  expect(changeOf(form, form)).toEqual({});
});

test("what was changed is sent as the server takes it", () => {
  const changed = {
    ...form,
    tags: " x ,, y",
    limit: "",
    parameters: '{"day": "tue"}',
    strategy: "cancel_new",
  };
  expect(problemsOf(changed)).toEqual({});
  expect(changeOf(form, changed)).toEqual({
    tags: ["x", "y"],
    concurrency_limit: -1,
    parameters: { day: "tue" },
    collision_strategy: "cancel_new",
  });
});

test("what cannot be sent is told at its field", () => {
  const problems = problemsOf({ ...form, priority: "high", limit: "0", parameters: "[1]", variables: "{" });
  expect(Object.keys(problems).sort()).toEqual(["limit", "parameters", "priority", "variables"]);
});
