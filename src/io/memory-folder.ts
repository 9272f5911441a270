import { IoError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import { openBlob } from "./blob-source.ts";
import type { ByteSource } from "./byte-source.ts";
import { checkFileName, type Folder } from "./folder.ts";
import { openMemory } from "./memory-source.ts";

/** A folder of bytes and Blobs by name: what a user picked in a browser, what a test made. Keeps the bytes (no copy). */
export function openMemoryFolder(files: ReadonlyMap<string, Uint8Array | Blob>, label = "memory"): Folder {
  return {
    label,
    list: async () => [...files.keys()].sort(),
    open: async (name): Promise<ByteSource> => {
      checkFileName(name, label);
      const file = files.get(name);
      if (file === undefined) throw new IoError(`${label}: has no file ${quote(name)}`);
      return file instanceof Uint8Array ? openMemory(file, `${label}/${name}`) : openBlob(file, `${label}/${name}`);
    },
  };
}
