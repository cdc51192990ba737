import createClient, { type Middleware } from "openapi-fetch";
import type { Readable } from "openapi-typescript-helpers";

import type { components, paths } from "@/api/schema";

type Answers = components["schemas"];

/** What travels, by name, as answers have it: the client reads pairs of values as lists. */
export type Schemas = { [Name in keyof Answers]: Readable<Answers[Name]> };

/** An answer that says what went wrong: `application/problem+json` of the server, or that there was no answer. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly fields: Schemas["FieldProblem"][];

  constructor(status: number, message: string, fields: Schemas["FieldProblem"][] = []) {
    super(message);
    this.name = "ApiProblem";
    this.status = status;
    this.fields = fields;
  }
}

/** The token that changes asked for by a signed-in browser carry: a cookie that the page can read has it. */
function csrf(): string | null {
  return /(?:^|; )levada_csrf=([^;]+)/.exec(document.cookie)?.[1] ?? null;
}

const signedOut = new Set<() => void>();

/** Call `act` whenever the server no longer knows who asks. */
export function whenSignedOut(act: () => void): void {
  signedOut.add(act);
}

const guard: Middleware = {
  onRequest({ request }) {
    const token = request.method === "GET" ? null : csrf();
    if (token !== null) request.headers.set("x-levada-csrf", token);
    return request;
  },
  onResponse({ request, response }) {
    const isSignIn = request.method === "POST" && new URL(request.url).pathname === "/api/session";
    if (response.status === 401 && !isSignIn) for (const act of signedOut) act();
    return undefined;
  },
  onError({ error }) {
    return new ApiProblem(
      0,
      `The server does not answer (${error instanceof Error ? error.message : "no connection"}).`,
    );
  },
};

export const api = createClient<paths>({
  baseUrl: "",
  querySerializer: { array: { style: "form", explode: true } },
});
api.use(guard);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

function isProblem(value: unknown): value is Schemas["Problem"] {
  return typeof value === "object" && value !== null && ("detail" in value || "title" in value);
}

/** The data of an answer. Throws an {@link ApiProblem} when the server did not do what was asked. */
export async function asked<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (response.ok) return data as T;
  if (isProblem(error)) {
    throw new ApiProblem(
      response.status,
      error.detail ?? error.title ?? response.statusText,
      error.fields ?? [],
    );
  }
  throw new ApiProblem(response.status, `The server answered ${response.status} ${response.statusText}.`);
}

/** What to tell people of something that was thrown. */
export function messageOf(problem: unknown): string {
  if (problem instanceof ApiProblem) {
    return [problem.message, ...problem.fields.map((one) => `${one.path} ${one.message}`)].join(" ");
  }
  return problem instanceof Error ? problem.message : String(problem);
}
