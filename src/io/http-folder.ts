import { checkFileName, type Folder } from "./folder.ts";
import { openHttp, type OpenHttpOptions } from "./http-source.ts";

/**
 * Files below a URL. HTTP has no listing, so their names must be known. `options` go with every request.
 */
export function openHttpFolder(url: string | URL, names: Iterable<string>, options: OpenHttpOptions = {}): Folder {
  const base = new URL(url);
  base.search = base.hash = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const label = `${base.origin}${base.pathname}`; // without user and password
  const listed = [...names].sort();
  return {
    label,
    list: async () => listed,
    open: async (name) => {
      checkFileName(name, label);
      return openHttp(new URL(encodeURIComponent(name), base), options);
    },
  };
}
