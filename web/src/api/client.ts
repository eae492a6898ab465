import createClient from "openapi-fetch";
import { ApiFailure } from "./failure";
import type { components, paths } from "./schema";
import { texts } from "./texts";

/** A type of the OpenAPI document. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** Every call is checked against the OpenAPI document by the compiler. */
export const api = createClient<paths>({ baseUrl: "" });

type Answer<Body> = { data?: Body; error?: unknown; response: Response };

const listeners = new Set<() => void>();

/** Told when the server no longer knows who is asking. */
export function onSignedOut(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The server has answered that it does not know who asks. */
export function tellSignedOut(): void {
  listeners.forEach((listener) => listener());
}

/** The body of a good answer; everything else is an `ApiFailure`. */
export async function take<Body>(request: Promise<Answer<Body>>): Promise<Body> {
  let answer: Answer<Body>;
  try {
    answer = await request;
  } catch {
    throw new ApiFailure(0, "unreachable", texts.unreachable);
  }
  if (answer.response.ok && answer.data !== undefined) return answer.data;
  if (answer.response.status === 401) tellSignedOut();
  throw failureOf(answer.error, answer.response.status);
}

/** Like `take`, of an answer whose envelope holds one record. */
export async function takeData<Data>(request: Promise<Answer<{ data: Data }>>): Promise<Data> {
  return (await take(request)).data;
}

function failureOf(body: unknown, status: number): ApiFailure {
  if (typeof body === "object" && body !== null && "error" in body) {
    const { error } = body as Schema<"Failure">;
    return new ApiFailure(status, error.code, error.message, error.details);
  }
  return new ApiFailure(status, "unknown", texts.noReason(status));
}
