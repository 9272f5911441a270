import type { Server as HttpServer } from "node:http";
import type { Socket } from "node:net";
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

export interface Listener {
  /** The one that was taken. */
  readonly port: number;
  /** Takes no more connections, closes those on which nothing is being answered, and waits for the others. */
  readonly close: () => Promise<void>;
}

/** Answers HTTP by `fetch`; settles when it does. Throws IoError where the address cannot be listened on. */
export function listen(
  fetch: (request: Request) => Promise<Response>,
  { host, port, sendTimeoutMs }: ListenOptions,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const options = { fetch, hostname: host, port, serverOptions: limits };
    const http = serve(options, ({ port }) => resolve({ port, close })) as HttpServer;
    http.once("error", (cause: NodeJS.ErrnoException) => {
      reject(new IoError(`${host}:${port}: cannot be listened on: ${reasonOf(cause)}`, { cause }));
    });
    if (sendTimeoutMs !== Infinity) leaveStuckClients(http, sendTimeoutMs);
    const close = closer(http);
  });
}

/**
 * Node's own closeIdleConnections leaves those open that have not sent a whole request yet, as browsers keep some in store, and once its
 * server is closed nothing ends them.
 */
function closer(http: HttpServer): Listener["close"] {
  const answering = new Map<Socket, number>();
  const change = (socket: Socket, by: number): void => {
    const count = (answering.get(socket) ?? 0) + by;
    if (socket.destroyed) answering.delete(socket);
    else answering.set(socket, count);
    if (!http.listening && count === 0) socket.end(() => socket.destroy());
  };
  http.on("connection", (socket: Socket) => {
    change(socket, 0);
    socket.once("close", () => answering.delete(socket));
  });
  http.on("request", ({ socket }, response) => {
    change(socket, 1);
    response.once("close", () => change(socket, -1));
  });
  return () =>
    new Promise((resolve) => {
      http.close(() => resolve());
      for (const socket of answering.keys()) change(socket, 0);
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
