import { FewbitError, IoError } from "../util/errors.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; make room and run it again: what is there already is kept",
  EDQUOT: "your quota is used up; make room and run it again: what is there already is kept",
  EFBIG: "the file is larger than the system allows",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the disk is read-only",
  ENOENT: "a folder of the path does not exist",
  ENOTDIR: "a part of the path is not a folder",
  EMFILE: "too many open files; raise the limit (ulimit -n)",
};

/** What the file system threw while the cache was written, as an IoError that says what to do; our own errors stay as they are. */
export function diskError(path: string, cause: unknown, what: "written" | "removed" = "written"): FewbitError {
  if (cause instanceof FewbitError) return cause;
  const { code = "", message } = cause as NodeJS.ErrnoException;
  return new IoError(`${path}: cannot be ${what}: ${reasons[code] ?? message}`, { cause });
}
