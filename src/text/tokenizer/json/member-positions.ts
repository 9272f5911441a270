import { beginObject, endObject, JsonScanner } from "./json-scanner.ts";

/** Where the value of each member of an object begins. Of equal names the last one counts. */
export function memberPositions(bytes: Uint8Array, position: number): ReadonlyMap<string, number> {
  const scanner = new JsonScanner(bytes, position);
  const positions = new Map<string, number>();
  scanner.enter(beginObject);
  while (scanner.more(endObject)) {
    scanner.readKey();
    // Longer names than ours are all the same to us.
    const name = new TextDecoder().decode(
      scanner.text.subarray(scanner.textStart, Math.min(scanner.textEnd, scanner.textStart + 64)),
    );
    positions.set(name, scanner.position);
    scanner.skipValue();
  }
  return positions;
}
