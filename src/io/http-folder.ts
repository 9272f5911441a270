import type { ByteSource } from "./byte-source.ts";
import { checkFileName, type Folder } from "./folder.ts";
import { openHttp, openHttpIfAny, type OpenHttpOptions } from "./http-source.ts";

export interface HttpFolder extends Folder {
  /** As `open`, of a name that need not be listed; undefined where there is no such file (openHttpIfAny). */
  readonly openIfAny: (name: string) => Promise<ByteSource | undefined>;
}

/**
 * Files below a URL. HTTP has no listing, so their names must be known. `options` go with every request.
 */
export function openHttpFolder(url: string | URL, names: Iterable<string>, options: OpenHttpOptions = {}): HttpFolder {
  const base = new URL(url);
  base.search = base.hash = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const label = `${base.origin}${base.pathname}`; // without user and password
  const listed = [...names].sort();
  const urlOf = (name: string): URL => {
    checkFileName(name, label);
    return new URL(encodeURIComponent(name), base);
  };
  return {
    label,
    list: async () => listed,
    open: async (name) => openHttp(urlOf(name), options),
    openIfAny: async (name) => openHttpIfAny(urlOf(name), options),
  };
}
