/**
 * A form of a JSON schema: which fields it has, what stands in them, and the values that come of it.
 *
 * Every field is kept as the text that stands in it, or a truth for check boxes: what cannot be read yet must stay as
 * it was written. A field that was not touched is not sent, so that the defaults of the deployment and of the flow hold.
 */
export type FieldKind = "text" | "number" | "integer" | "boolean" | "choice" | "json";

export interface FormField {
  name: string;
  kind: FieldKind;
  title: string;
  description: string | null;
  required: boolean;
  nullable: boolean;
  choices: unknown[];
  /** What holds when nothing is given: the default of the deployment, else that of the flow. */
  fallback: unknown;
  hasFallback: boolean;
  schema: Schema;
}

export type Schema = Record<string, unknown>;
export type FormValues = Record<string, string>;
export type FormProblems = Record<string, string>;

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a reference into the same document points at. */
function resolved(schema: Schema, root: Schema, depth = 0): Schema {
  const ref = schema["$ref"];
  if (typeof ref !== "string" || !ref.startsWith("#/") || depth > 16) return schema;
  let found: unknown = root;
  for (const part of ref.slice(2).split("/")) {
    found = isObject(found) ? found[part.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
  }
  return isObject(found) ? resolved({ ...found, ...schema, $ref: undefined }, root, depth + 1) : schema;
}

/** The only kind of value that a schema takes beside null, and whether it takes null. */
function narrowed(given: Schema, root: Schema): { schema: Schema; nullable: boolean } {
  const schema = resolved(given, root);
  const types = schema["type"];
  if (Array.isArray(types)) {
    const rest = types.filter((one) => one !== "null");
    const narrow =
      rest.length === 1 ? { ...schema, type: rest[0] as unknown } : { ...schema, type: undefined };
    return { schema: narrow, nullable: rest.length < types.length };
  }
  const either = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(either)) {
    const parts = either.filter(isObject);
    const rest = parts.filter((part) => part["type"] !== "null");
    const nullable = rest.length < parts.length;
    const [only] = rest;
    if (rest.length === 1 && only !== undefined)
      return { schema: resolved({ ...schema, anyOf: undefined, oneOf: undefined, ...only }, root), nullable };
    return { schema, nullable };
  }
  return { schema, nullable: false };
}

function kindOf(schema: Schema): FieldKind {
  if (Array.isArray(schema["enum"]) || "const" in schema) return "choice";
  switch (schema["type"]) {
    case "string":
      return "text";
    case "number":
      return "number";
    case "integer":
      return "integer";
    case "boolean":
      return "boolean";
    default:
      return "json";
  }
}

/** The fields of a form, as the schema has them in order. `defaults` are those of the deployment. */
export function fieldsOf(
  root: Schema | null | undefined,
  defaults: Record<string, unknown> = {},
): FormField[] {
  const properties = isObject(root?.["properties"]) ? root["properties"] : {};
  const required = Array.isArray(root?.["required"]) ? root["required"] : [];
  const known = Object.entries(properties).map(([name, given]): FormField => {
    const { schema, nullable } = narrowed(isObject(given) ? given : {}, root ?? {});
    const own = isObject(given) && "default" in given ? given["default"] : schema["default"];
    return {
      name,
      kind: kindOf(schema),
      title: typeof schema["title"] === "string" ? schema["title"] : name,
      description: typeof schema["description"] === "string" ? schema["description"] : null,
      required: required.includes(name) && !(name in defaults),
      nullable,
      choices: Array.isArray(schema["enum"]) ? schema["enum"] : "const" in schema ? [schema["const"]] : [],
      fallback: name in defaults ? defaults[name] : own,
      hasFallback: name in defaults || own !== undefined,
      schema,
    };
  });
  // A deployment may hand over what the schema does not name: it is shown too, as JSON.
  const others = Object.keys(defaults)
    .filter((name) => !(name in properties))
    .map((name): FormField => ({
      name,
      kind: "json",
      title: name,
      description: null,
      required: false,
      nullable: true,
      choices: [],
      fallback: defaults[name],
      hasFallback: true,
      schema: {},
    }));
  return [...known, ...others];
}

/** What stands in a field that holds a value. */
export function written(field: FormField, value: unknown): string {
  if (value === undefined) return "";
  // A text of a field that also takes null is told from null by the field being empty.
  if (value === null) return field.kind === "json" ? "null" : "";
  if (field.kind === "text" && typeof value === "string") return value;
  return JSON.stringify(value, null, field.kind === "json" ? 2 : 0);
}

export function initialValues(fields: readonly FormField[]): FormValues {
  return Object.fromEntries(fields.map((field) => [field.name, written(field, field.fallback)]));
}

function parsed(text: string): { value: unknown } | { problem: string } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { problem: "This is not JSON. Text stands in quotes there, and names too." };
  }
}

function numberProblem(field: FormField, value: number): string | null {
  const least = field.schema["minimum"];
  const most = field.schema["maximum"];
  if (field.kind === "integer" && !Number.isInteger(value)) return "A whole number is asked for.";
  if (typeof least === "number" && value < least) return `It must be at least ${least}.`;
  if (typeof most === "number" && value > most) return `It must be at most ${most}.`;
  return null;
}

function read(field: FormField, text: string): { value: unknown } | { problem: string } {
  switch (field.kind) {
    case "text": {
      const least = field.schema["minLength"];
      const most = field.schema["maxLength"];
      if (typeof least === "number" && text.length < least)
        return { problem: `At least ${least} characters are asked for.` };
      if (typeof most === "number" && text.length > most)
        return { problem: `At most ${most} characters are allowed.` };
      return { value: text };
    }
    case "number":
    case "integer": {
      const value = Number(text);
      if (text.trim() === "" || !Number.isFinite(value)) return { problem: "A number is asked for." };
      const problem = numberProblem(field, value);
      return problem === null ? { value } : { problem };
    }
    default: {
      const found = parsed(text);
      if ("problem" in found) return found;
      const type = field.schema["type"];
      if (type === "array" && !Array.isArray(found.value)) return { problem: "A list is asked for: [ … ]" };
      if (type === "object" && !isObject(found.value)) return { problem: "An object is asked for: { … }" };
      return found;
    }
  }
}

/** The parameters that a form gives, those only that differ from what holds anyway, and what cannot be used. */
export function readForm(
  fields: readonly FormField[],
  values: FormValues,
): { parameters: Record<string, unknown>; problems: FormProblems } {
  const parameters: Record<string, unknown> = {};
  const problems: FormProblems = {};
  for (const field of fields) {
    const text = values[field.name] ?? "";
    if (field.hasFallback && text === written(field, field.fallback)) continue;
    if (text === "" && field.kind === "text" && !field.nullable && (field.required || field.hasFallback)) {
      parameters[field.name] = "";
      if (field.required) problems[field.name] = "A value is asked for.";
    } else if (text.trim() === "") {
      if (field.nullable && field.hasFallback) parameters[field.name] = null;
      else if (field.required && !field.nullable) problems[field.name] = "A value is asked for.";
      else if (field.required) parameters[field.name] = null;
    } else {
      const found = read(field, text);
      if ("problem" in found) problems[field.name] = found.problem;
      else parameters[field.name] = found.value;
    }
  }
  return { parameters, problems };
}

/** What the server says of fields, by field: `$.parameters.day` belongs to `day`. */
export function problemsOf(
  said: readonly { path: string; message: string }[],
  under = "$.parameters.",
): FormProblems {
  const problems: FormProblems = {};
  for (const { path, message } of said) {
    if (!path.startsWith(under)) continue;
    const [name = "", ...inner] = path.slice(under.length).split(/(?=[.[])/);
    const text = inner.length > 0 ? `${inner.join("").replace(/^\./, "")} ${message}` : message;
    problems[name] = problems[name] === undefined ? text : `${problems[name]}; ${text}`;
  }
  return problems;
}
