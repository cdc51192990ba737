/** What the page of artifacts shows, as it stands in its address. */
export interface ArtifactSearch {
  type?: string;
  /** The key whose versions are open, or the id of an artifact that has none. */
  key?: string;
  id?: string;
  /** Ids of the version that is shown (the newest when absent) and of the one beside it. */
  version?: string;
  beside?: string;
}

export const ARTIFACT_TYPES = ["markdown", "table", "link", "image", "progress"] as const;

const FIELDS = ["type", "key", "id", "version", "beside"] as const;

export function readArtifactSearch(search: Record<string, unknown>): ArtifactSearch {
  const read: ArtifactSearch = {};
  for (const field of FIELDS) {
    const value = search[field];
    if (typeof value === "string" && value !== "") read[field] = value;
    else if (typeof value === "number") read[field] = String(value);
  }
  return read;
}

/** The beginning of what an artifact says, on one line. */
export function glimpse(type: string, data: unknown): string {
  if (type === "progress") return `${Number(data).toFixed(0)} %`;
  if (type === "table") {
    if (Array.isArray(data)) return `${data.length.toLocaleString()} rows`;
    return "table";
  }
  const text = typeof data === "string" ? data : (JSON.stringify(data) as string | undefined);
  return (text ?? "")
    .replace(/[#*`>|\s]+/g, " ")
    .trim()
    .slice(0, 160);
}
