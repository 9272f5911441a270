import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { JsonScanner } from "./json-scanner.ts";

const maxIndexBytes = 64 * 2 ** 20;
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
    if (key !== "weight_map") return scanner.skip(`${quote(key)} of the index`, 8);
    const found = new Map<string, string>();
    fileOfTensor = found;
    scanner.object("weight_map", maxNameLength, (tensor) => {
      const fileName = scanner.string(`the file of tensor ${quote(tensor)}`, maxNameLength);
      if (!isPlainFileName(fileName)) {
        scanner.fail(`tensor ${quote(tensor)} is said to be in ${quote(fileName)}; only plain file names are accepted`);
      }
      if (!fileNames.has(fileName)) fileNames.set(fileName, fileName);
      found.set(tensor, fileNames.get(fileName) ?? fileName);
      if (found.size > maxTensorCount) scanner.fail(`weight_map has more than ${maxTensorCount} tensors`);
      if (fileNames.size > maxFileCount) scanner.fail(`weight_map has more than ${maxFileCount} files`);
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
