/** What somebody typed as a value: its JSON, or why it is none. */
export function readValue(text: string): { ok: true; value: unknown } | { ok: false; problem: string } {
  if (text.trim() === "")
    return { ok: false, problem: 'A value is JSON: 42, true, "text", [1, 2] or {"a": 1}.' };
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const quoted = /^[\w .:/@+-]+$/.test(text.trim())
      ? ` For text write ${JSON.stringify(text.trim())}.`
      : "";
    return { ok: false, problem: `This is not JSON: ${why}.${quoted}` };
  }
}

/** Tags, written with commas between them; each once. */
export function readTags(text: string): string[] {
  return [...new Set(text.split(",").map((one) => one.trim()))].filter((one) => one !== "");
}

interface Named {
  name: string;
  value: unknown;
  tags?: readonly string[];
}

/** Whether a variable has all the words of a search in its name, value or tags. */
export function matches(variable: Named, search: string): boolean {
  const whole = [variable.name, JSON.stringify(variable.value), ...(variable.tags ?? [])]
    .join(" ")
    .toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => whole.includes(word));
}
