import { open, realpath, rename, rm, stat } from "node:fs/promises";
import { IoError } from "../util/errors.ts";

/**
 * Writes a file beside its place and moves it there when it is whole: nobody meets half of one. What is there already is
 * replaced, through links; a pipe or a device is written to. Throws IoError; errors of `fill` stay what they are.
 */
export async function writeWholeFile(
  path: string,
  fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const place = await realpath(path).catch(() => path); // it need not be there
  const isStream = await stat(place).then(
    (found) => !found.isFile() && !found.isDirectory(),
    () => false,
  );
  const draft = isStream ? place : `${place}.${process.pid}.part`;
  const wrapped = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      return await work;
    } catch (cause) {
      throw new IoError(`${path}: cannot be written (${(cause as NodeJS.ErrnoException).code})`, { cause });
    }
  };
  const file = await wrapped(open(draft, "w"));
  try {
    await fill((bytes) => wrapped(file.writeFile(bytes)));
    await wrapped(file.close());
    if (!isStream) await wrapped(rename(draft, place));
  } catch (error) {
    await file.close().catch(() => undefined); // it may be closed; what went wrong first counts
    if (!isStream) await rm(draft, { force: true });
    throw error;
  }
}
