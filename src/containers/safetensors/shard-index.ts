import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { JsonScanner } from "./json-scanner.ts";

export const maxIndexBytes = 64 * 2 ** 20;
const maxTensorCount = 2 ** 20;
const maxFileCount = 4096;
const maxNameLength = 1024;

/**
 * The `weight_map` of a `*.safetensors.index.json`: the file name of every tensor, in the order of the index. File names
 * are checked to be plain, because they are joined to a folder or URL later. `metadata.total_size` says nothing that
 * the files do not, and is often wrong: not read. Throws FormatError.
 */
export function parseShardIndex(json: Uint8Array, label: string): ReadonlyMap<string, string> {
  if (json.byteLength > maxIndexBytes) {
    throw new FormatError(`${label}: the index has ${json.byteLength} bytes; at most ${maxIndexBytes} are read`);
  }
  let fileOfTensor: Map<string, string> | undefined;
  // One string per file name, not one per tensor.
  const fileNames = new Map<string, string>();
  const scanner = new JsonScanner(json, label);
  scanner.object("the index", maxNameLength, (key) => {
    if (key !== "weight_map") return scanner.skip("a value", 8);
    const found = new Map<string, string>();
    fileOfTensor = found;
    scanner.object("weight_map", maxNameLength, (tensor) => {
      const fileName = scanner.string("a file name", maxNameLength);
      let known = fileNames.get(fileName);
      if (known === undefined) {
        if (!isPlainFileName(fileName))
          scanner.fail(`${quote(fileName)} is refused: only plain file names are accepted`);
        if (fileNames.size === maxFileCount) scanner.fail(`there are more than ${maxFileCount} files`);
        fileNames.set(fileName, fileName);
        known = fileName;
      }
      if (found.size === maxTensorCount) scanner.fail(`there are more than ${maxTensorCount} tensors`);
      found.set(tensor, known);
    });
  });
  scanner.end();
  if (fileOfTensor === undefined || fileOfTensor.size === 0) {
    throw new FormatError(`${label}: the index has no weight_map with tensors in it`);
  }
  return fileOfTensor;
}

/** No separators, drive or scheme, parent folders, URL syntax, wildcards or invisible characters. */
function isPlainFileName(name: string): boolean {
  return name.length > 0 && name.length <= 255 && name !== "." && !/[/\\:%?#*"<>|\p{C}]|\.\./u.test(name);
}
