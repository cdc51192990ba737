/** A name as it stands in a path of the API: a `~` is written `~0`, a `/` is written `~1`. */
export function named(name: string): { path: { name: string } } {
  return { path: { name: name.replaceAll("~", "~0").replaceAll("/", "~1") } };
}
