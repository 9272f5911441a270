import { ApiError } from "./api-error.ts";

/** All names of this machine to itself, as URLs have them. */
export const loopbackHosts: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Who may call a server that asks for no key: programs of its own machine, and its own page. Other sites' pages run there too. One can have its
 * name point at 127.0.0.1 (DNS rebinding), and is then of the same origin for the browser; but its requests come under that name. One can also
 * send a request without being let read the answer; but the browser says where it comes from.
 */
export class Hosts {
  readonly #allowed: ReadonlySet<string> | undefined;
  readonly #origins: readonly string[];

  /** `allowed`: names without port, as URLs have them; undefined: anybody may call. `origins` may besides, "*" being all. */
  constructor(allowed: readonly string[] | undefined, origins: readonly string[]) {
    this.#allowed = allowed && new Set(allowed.map((name) => name.toLowerCase()));
    this.#origins = origins;
  }

  /** Throws ApiError 403 for a request under another name, or from another site's page. */
  check({ url, headers }: Pick<Request, "url" | "headers">): void {
    if (this.#allowed === undefined) return;
    const { hostname } = new URL(url);
    const names = [...this.#allowed].join(", ");
    if (!this.#allowed.has(hostname))
      throw refusal(`this server is called ${names}, not ${hostname}; --allowed-host adds a name`);
    const origin = headers.get("origin");
    if (origin === null || this.#origins.includes("*") || this.#origins.includes(origin)) return;
    const site = URL.canParse(origin) ? new URL(origin).hostname : origin;
    if (!this.#allowed.has(site)) throw refusal(`pages of ${origin} may not ask here; --cors-origin lets them`);
  }
}

function refusal(message: string): ApiError {
  return new ApiError(403, "permission_error", message);
}
