/** When a run was made: the first 48 bits of its id, a UUID of version 7, are the milliseconds since 1970. */
export function madeAt(id: string): string | null {
  const milliseconds = Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
  return Number.isFinite(milliseconds) ? new Date(milliseconds).toISOString() : null;
}
