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
  /** How long a connection is kept for its next request. Default 75 s, more than proxies keep theirs: one that they take up is not just ending. */
  readonly keepAliveTimeoutMs?: number;
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
  { host, port, sendTimeoutMs, keepAliveTimeoutMs = 75_000 }: ListenOptions,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const serverOptions = { ...limits, keepAliveTimeout: keepAliveTimeoutMs };
    const http = serve({ fetch, hostname: host, port, serverOptions }, ({ port }) =>
      resolve({ port, close: () => connections.close() }),
    ) as HttpServer;
    http.once("error", (cause: NodeJS.ErrnoException) => {
      reject(new IoError(`${host}:${port}: cannot be listened on: ${reasonOf(cause)}`, { cause }));
    });
    const connections = new Connections(http);
    if (sendTimeoutMs !== Infinity) connections.leaveStuckClients(sendTimeoutMs);
  });
}

/** The connections of a server, and on how many requests each of them waits for an answer. */
class Connections {
  readonly #http: HttpServer;
  readonly #answering = new Map<Socket, number>();

  constructor(http: HttpServer) {
    this.#http = http;
    http.on("connection", (socket: Socket) => {
      this.#change(socket, 0);
      socket.once("close", () => this.#answering.delete(socket));
    });
    http.on("request", ({ socket }, response) => {
      this.#change(socket, 1);
      response.once("close", () => this.#change(socket, -1));
    });
  }

  /**
   * Closes connections whose other end takes nothing, as nginx does (send_timeout): an answer that nobody reads would hold its place among
   * the requests, and its memory, for ever. The request is cancelled with its connection. Node's timeout of a socket begins anew with every
   * write, and where it ends in the middle of one, with every part of it that was taken; a client that waits for its answer is left alone.
   */
  leaveStuckClients(timeoutMs: number): void {
    this.#http.setTimeout(timeoutMs, (socket) => {
      // Between requests it is the time for that which ends, and whoever listens has to close the connection.
      if (socket.writableLength > 0 || !this.#answering.get(socket)) socket.destroy();
    });
  }

  /**
   * Node's own closeIdleConnections leaves those open that have not sent a whole request yet, as browsers keep some in store, and once its
   * server is closed nothing ends them.
   */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#http.close(() => resolve());
      for (const socket of this.#answering.keys()) this.#change(socket, 0);
    });
  }

  #change(socket: Socket, by: number): void {
    if (socket.destroyed) return;
    const count = (this.#answering.get(socket) ?? 0) + by;
    this.#answering.set(socket, count);
    if (!this.#http.listening && count === 0) socket.end(() => socket.destroy());
  }
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
