import { ApiError } from "./api-error.ts";

/** Who may ask. Keys are kept and compared as hashes of equal length, all of them every time, so that an answer's haste tells nothing. */
export class Authentication {
  readonly #hashes: Promise<readonly Uint8Array[]>;

  /** Without keys everybody may. */
  constructor(keys: readonly string[]) {
    this.#hashes = Promise.all(keys.map(hash));
  }

  /** Throws ApiError 401 for a request without one of the keys, in `Authorization: Bearer` or `X-API-Key`. */
  async check(headers: Headers): Promise<void> {
    const hashes = await this.#hashes;
    if (hashes.length === 0) return;
    const bearer = /^Bearer +(.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
    const given = await hash(bearer ?? headers.get("x-api-key") ?? "");
    let matches = 0;
    for (const known of hashes) {
      let difference = 0;
      for (let i = 0; i < known.length; i++) difference |= known[i] ^ given[i];
      matches += Number(difference === 0);
    }
    if (matches > 0) return;
    throw new ApiError(401, "authentication_error", "no valid API key: send it as Authorization: Bearer KEY", {
      code: "invalid_api_key",
    });
  }
}

async function hash(key: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key)));
}
