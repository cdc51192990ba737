import { describe, expect, it } from "vitest";

import { ACTIONS, askedFor, hindrance, parametersOf } from "@/features/run/possible";

const run = (state_type: string, more: object = {}): Parameters<typeof hindrance>[1] =>
  ({ state_type, state_name: state_type, deployment_id: "d", ...more }) as Parameters<typeof hindrance>[1];
const possible = (one: ReturnType<typeof run>): string[] =>
  ACTIONS.filter((action) => hindrance(action, one) === null);

describe("what can be done with a run", () => {
  it("follows from its state", () => {
    expect(possible(run("RUNNING"))).toEqual(["cancel", "rerun", "suspend", "copy", "change"]);
    expect(possible(run("FAILED"))).toEqual(["rerun", "copy", "change", "delete"]);
    expect(possible(run("PAUSED"))).toEqual(["cancel", "rerun", "resume", "copy", "change"]);
    expect(possible(run("SCHEDULED"))).toEqual(["cancel", "copy", "change"]);
  });

  it("is refused with the reason", () => {
    expect(hindrance("copy", run("FAILED", { deployment_id: null }))).toMatch(/no deployment/);
    expect(hindrance("suspend", run("RUNNING", { parent_flow_run_id: "p" }))).toMatch(/part of another/);
    expect(hindrance("delete", run("RUNNING"))).toMatch(/cancel it first/);
  });
});

it("reads parameters as they were given, also those that are no ASCII", () => {
  const data = btoa(String.fromCharCode(...new TextEncoder().encode('{"city":"Évora","n":[1]}')));
  expect(parametersOf({ parameters: {}, parameters_payload: ["json", data] as never })).toEqual({
    city: "Évora",
    n: [1],
  });
  expect(parametersOf({ parameters: { a: "1" }, parameters_payload: ["pickle", data] as never })).toBeNull();
  expect(parametersOf({})).toEqual({});
});

it("knows what a pause asks for", () => {
  const states = [{ details: { run_input_keyset: { schema: "s", response: "r" } } }] as never;
  expect(askedFor({ state_type: "PAUSED", states })).toEqual({ schema: "s" });
  expect(askedFor({ state_type: "RUNNING", states })).toBeNull();
  expect(askedFor({ state_type: "PAUSED", states: [] })).toBeNull();
});
