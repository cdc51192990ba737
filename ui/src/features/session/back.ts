/** Where to go after signing in: only to this page itself, whatever a link says. */
export function localAddress(back: string): string {
  return /^\/(?![/\\])/.test(back) && !back.startsWith("/sign-in") ? back : "/";
}
