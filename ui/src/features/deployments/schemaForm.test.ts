import { describe, expect, it } from "vitest";

import {
  fieldsOf,
  initialValues,
  problemsOf,
  readForm,
  type Schema,
} from "@/features/deployments/schemaForm";

const SCHEMA: Schema = {
  type: "object",
  properties: {
    day: { type: "string", description: "Which day." },
    rows: { type: "integer", default: 100, minimum: 1 },
    share: { anyOf: [{ type: "number" }, { type: "null" }], default: null },
    mode: { enum: ["full", "delta"], default: "delta" },
    dry: { type: "boolean", default: false },
    tags: { type: "array", items: { type: "string" }, default: [] },
    place: { $ref: "#/definitions/Place" },
  },
  required: ["day", "place"],
  definitions: { Place: { type: "object", properties: { city: { type: "string" } } } },
};

function form(changed: Record<string, string>, defaults: Record<string, unknown> = {}) {
  const fields = fieldsOf(SCHEMA, defaults);
  return readForm(fields, { ...initialValues(fields), ...changed });
}

describe("the form of a schema", () => {
  it("finds the kind of each field", () => {
    expect(fieldsOf(SCHEMA).map(({ name, kind }) => [name, kind])).toEqual([
      ["day", "text"],
      ["rows", "integer"],
      ["share", "number"],
      ["mode", "choice"],
      ["dry", "boolean"],
      ["tags", "json"],
      ["place", "json"],
    ]);
  });

  it("says which values are missing, and sends nothing that was not touched", () => {
    const { parameters, problems } = form({});
    expect(parameters).not.toHaveProperty("rows");
    expect(Object.keys(problems)).toEqual(["day", "place"]);
  });

  it("asks for nothing that the deployment gives", () => {
    expect(form({}, { day: "monday", place: {} })).toEqual({ parameters: {}, problems: {} });
  });

  it("reads values as what they are", () => {
    const changed = {
      day: "7",
      rows: "5",
      share: "0.5",
      mode: '"full"',
      dry: "true",
      tags: '["a"]',
      place: "{}",
    };
    expect(form(changed)).toEqual({
      parameters: { day: "7", rows: 5, share: 0.5, mode: "full", dry: true, tags: ["a"], place: {} },
      problems: {},
    });
  });

  it("refuses what does not fit", () => {
    const { problems } = form({ day: "x", rows: "1.5", share: "much", tags: "{}", place: "[1" });
    expect(problems).toEqual({
      rows: "A whole number is asked for.",
      share: "A number is asked for.",
      tags: "A list is asked for: [ … ]",
      place: "This is not JSON. Text stands in quotes there, and names too.",
    });
    expect(form({ rows: "0" }).problems["rows"]).toBe("It must be at least 1.");
  });

  it("sends null for a default that was taken away", () => {
    expect(form({ day: "x", place: "{}", share: "" }, { share: 0.5 }).parameters["share"]).toBeNull();
  });

  it("shows parameters that the schema does not know", () => {
    expect(fieldsOf(null, { more: [1] })).toMatchObject([{ name: "more", kind: "json", hasFallback: true }]);
  });

  it("gives what the server says to the fields that it means", () => {
    const said = [
      { path: "$.parameters.rows", message: "is no integer" },
      { path: "$.parameters.place.city", message: "is missing" },
      { path: "$.tags", message: "has too many values" },
    ];
    expect(problemsOf(said)).toEqual({ rows: "is no integer", place: "city is missing" });
  });
});
