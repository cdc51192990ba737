type Template = Record<string, unknown>;

function isObject(value: unknown): value is Template {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The JSON Schema of what deployments may set in a base job template; null when it has none. */
export function variablesOf(template: Template | null): Template | null {
  const variables = template?.["variables"];
  return isObject(variables) && isObject(variables["properties"]) ? variables : null;
}

/** A template with other defaults for some of its variables; everything else as it is. */
export function withDefaults(template: Template, defaults: Record<string, unknown>): Template {
  const variables = variablesOf(template);
  if (variables === null) return template;
  const properties = { ...(variables["properties"] as Template) };
  for (const [name, value] of Object.entries(defaults)) {
    const before = properties[name];
    properties[name] = { ...(isObject(before) ? before : {}), default: value };
  }
  return { ...template, variables: { ...variables, properties } };
}
