import { FormatError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { ByteSource } from "./byte-source.ts";

/** Files side by side: a directory, a set of files picked in a browser, the files of a repository. */
export interface Folder {
  /** Path, URL or description, for messages. Carries no secrets. */
  readonly label: string;
  /** Names of the files in it, sorted; folders inside are left out. */
  list(): Promise<readonly string[]>;
  /** Opens a file by its plain name. Throws FormatError for any other name, IoError when it cannot be opened. */
  open(name: string): Promise<ByteSource>;
  /** A folder inside, by its plain name; undefined: there is none. Absent: it cannot look into folders. */
  subfolder?(name: string): Promise<Folder | undefined>;
}

/**
 * What every implementation does first: names come from index files of strangers, so only plain ones are opened. No
 * separators, drive letters or URLs, nothing relative, no control characters. Throws FormatError.
 */
export function checkFileName(name: string, label: string): void {
  // eslint-disable-next-line no-control-regex
  if (name === "" || name === "." || name === ".." || name.length > 255 || /[/\\:\u0000-\u001f\u007f]/.test(name)) {
    throw new FormatError(`${label}: ${quote(name)} is not a plain file name`);
  }
}
