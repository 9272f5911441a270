import type { Server as HttpServer } from "node:http";
import { serve } from "@hono/node-server";
import { IoError } from "../../util/errors.ts";

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** A connection that takes nothing of what waits for it for so long is closed, at the latest after twice that; Infinity: none is. */
  readonly sendTimeoutMs: number;
}

/** Whoever sends headers or a body by drops holds a connection no longer than this. */
const limits = { headersTimeout: 20_000, requestTimeout: 60_000, maxHeaderSize: 16_384 } as const;

/** Answers HTTP by `fetch`; settles when it does. Throws IoError where the address cannot be listened on. */
export function listen(
  fetch: (request: Request) => Promise<Response>,
  { host, port, sendTimeoutMs }: ListenOptions,
): Promise<HttpServer> {
  return new Promise((resolve, reject) => {
    const options = { fetch, hostname: host, port, serverOptions: limits };
    const http = serve(options, () => resolve(http)) as HttpServer;
    http.once("error", (cause: NodeJS.ErrnoException) => {
      reject(new IoError(`${host}:${port}: cannot be listened on: ${reasonOf(cause)}`, { cause }));
    });
    if (sendTimeoutMs !== Infinity) leaveStuckClients(http, sendTimeoutMs);
  });
}

/** Takes no more connections, and waits for the answers that are under way. */
export function closeListener(http: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    http.close(() => resolve());
    http.closeIdleConnections();
  });
}

/**
 * Closes connections whose other end takes nothing, as nginx does (send_timeout): an answer that nobody reads would hold its place among
 * the requests, and its memory, for ever. The request is cancelled with its connection. Node's timeout of a socket begins anew with every
 * write, and where it ends in the middle of one, with every part of it that was taken; a client that waits for its answer is left alone.
 */
function leaveStuckClients(http: HttpServer, timeoutMs: number): void {
  http.setTimeout(timeoutMs, (socket) => {
    if (socket.writableLength > 0) socket.destroy();
  });
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case "EADDRINUSE":
      return "another program listens there; --port takes another port, 0 a free one";
    case "EACCES":
      return "the port is not for this user; --port takes another one, from 1024 on";
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the address is not this machine's; --host takes 127.0.0.1, 0.0.0.0 for all networks, or one of its own";
    default:
      return code ?? message;
  }
}
