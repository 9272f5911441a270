import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { IoError } from "../util/errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { openFile, type OpenFileOptions } from "./file-source.node.ts";
import { checkFileName, type Folder } from "./folder.ts";

/** Opens a directory. Its files may be symbolic links, as in the cache of the Hub. Throws IoError when it is none. */
export async function openFolder(path: string, options: OpenFileOptions = {}): Promise<Folder> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (cause) {
    throw new IoError(`${path}: there is no such folder, or it cannot be read`, { cause });
  }
  if (!isFolder) throw new IoError(`${path}: is a file, not a folder`);
  return new DiskFolder(path, options);
}

class DiskFolder implements Folder {
  readonly label: string;
  readonly #path: string;
  readonly #options: OpenFileOptions;

  constructor(path: string, options: OpenFileOptions) {
    // Messages put a slash and a file's name behind it, and shells complete a folder's name with one.
    this.label = path.replace(/(?<!^)\/+$/, "");
    this.#path = path;
    this.#options = options;
  }

  async list(): Promise<readonly string[]> {
    try {
      const entries = await readdir(this.#path, { withFileTypes: true });
      const files = await Promise.all(entries.map((entry) => this.#isFile(entry)));
      return entries
        .filter((_, i) => files[i])
        .map(({ name }) => name)
        .sort();
    } catch (cause) {
      throw new IoError(`${this.label}: the folder cannot be listed`, { cause });
    }
  }

  async #isFile(entry: Dirent): Promise<boolean> {
    if (!entry.isSymbolicLink()) return entry.isFile();
    try {
      return (await stat(join(this.#path, entry.name))).isFile();
    } catch {
      return false; // a link to nowhere: an interrupted download
    }
  }

  async subfolder(name: string): Promise<Folder | undefined> {
    checkFileName(name, this.label);
    const path = join(this.#path, name);
    const found = await stat(path).catch(() => undefined);
    return found?.isDirectory() ? new DiskFolder(path, this.#options) : undefined;
  }

  async open(name: string): Promise<ByteSource> {
    checkFileName(name, this.label);
    return openFile(join(this.#path, name), this.#options);
  }
}
