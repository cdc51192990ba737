import { expect, test } from "vitest";

import { variablesOf, withDefaults } from "@/features/pools/template";

const template = {
  job_configuration: { image: "{{ image }}" },
  variables: { properties: { image: { type: "string", default: "a" }, cpu: { type: "number" } } },
};

test("defaults are put where the schema has them, and nothing else changes", () => {
  expect(withDefaults(template, { image: "b", cpu: 2 })).toEqual({
    job_configuration: { image: "{{ image }}" },
    variables: {
      properties: { image: { type: "string", default: "b" }, cpu: { type: "number", default: 2 } },
    },
  });
  expect(template.variables.properties.image.default).toBe("a");
});

test("a template without variables has no form", () => {
  expect(variablesOf(null)).toBeNull();
  expect(variablesOf({ variables: { properties: [] } })).toBeNull();
  expect(withDefaults({ a: 1 }, { image: "b" })).toEqual({ a: 1 });
});
