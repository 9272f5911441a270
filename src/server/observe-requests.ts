import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Hono } from "hono";
import { randomId } from "./random-id.ts";

/** What is told of a request when its answer begins, or was refused; of what was asked and said there is nothing. */
export interface RequestRecord {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Until the status was known: for a stream, until the request was accepted. */
  readonly durationMs: number;
}

/** An id of a client or a proxy may be anything; what looks like one is passed on. */
const idPattern = /^[\w.:-]{1,128}$/;

/**
 * Gives every request an id (`x-request-id`, the client's own if it has one) and a span, which OpenTelemetry drops unless the program has
 * set up its SDK; tells of each when its status is known.
 */
export function observeRequests(app: Hono, onRequest: ((record: RequestRecord) => void) | undefined): void {
  const tracer = trace.getTracer("fewbit");
  app.use(async (context, next) => {
    const { method, path } = context.req;
    const start = performance.now();
    const given = context.req.header("x-request-id") ?? "";
    const requestId = idPattern.test(given) ? given : randomId();
    const attributes = { "http.request.method": method, "url.path": path, "fewbit.request_id": requestId };
    await tracer.startActiveSpan(`${method} ${path}`, { kind: SpanKind.SERVER, attributes }, async (span) => {
      try {
        await next();
        const { status } = context.res;
        context.header("x-request-id", requestId);
        span.setAttribute("http.response.status_code", status);
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        onRequest?.({ requestId, method, path, status, durationMs: Math.round(performance.now() - start) });
      } finally {
        span.end();
      }
    });
  });
}
