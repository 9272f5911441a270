import { realpath, stat, statfs } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../checkpoint/open-checkpoint.ts";
import { writeGguf } from "../../containers/gguf/write-gguf.ts";
import { openBlockSearch } from "../../entry/open-block-search.ts";
import type { GgufType } from "../../formats/ggml/gguf-type.ts";
import { openFolder } from "../../io/folder.node.ts";
import type { Folder } from "../../io/folder.ts";
import { planGguf, type GgufPlan } from "../../quantize/plan-gguf.ts";
import { IoError, UnsupportedError } from "../../util/errors.ts";
import { megabytes } from "../megabytes.ts";
import type { Terminal } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";
import { writeWholeFile } from "../write-whole-file.ts";
import { describeLosses } from "./describe-losses.ts";
import { ggufTextOf } from "./gguf-text-of.ts";

export interface GgufConversion {
  /** Where the file goes; its name ends in ".gguf". */
  readonly out: string;
  readonly type: GgufType | undefined;
  readonly requantize: boolean;
  /** Replaces what is there. */
  readonly force: boolean;
  readonly signal: AbortSignal;
}

/** Header, alignment, and what a file system keeps for itself. */
const headroom = 64 * 2 ** 20;

/** Writes one GGUF file, whole or not at all. Throws UsageError for a place that is taken, IoError where the disk has no room, and as planGguf. */
export async function convertToGguf(
  checkpoint: Checkpoint,
  folder: Folder,
  terminal: Terminal,
  { out, type, requantize, force, signal }: GgufConversion,
): Promise<GgufPlan> {
  await requirePlace(out, checkpoint, force);
  const name = basename(out, ".gguf");
  const textFields = await ggufTextOf(checkpoint, folder, terminal, signal);
  using search = await openBlockSearch();
  const checking = terminal.progress("checking");
  const plan = await planGguf(checkpoint, {
    ...{ requantize, search, name, textFields, signal },
    ...(type && { type }),
    ...(checking && { onProgress: checking }),
  });
  if (plan.lossy.length > 0) terminal.note(describeLosses(plan.lossy));
  await requireRoom(out, plan.byteLength);
  const writing = terminal.progress("writing");
  let done = 0;
  const sink = async (write: (bytes: Uint8Array) => Promise<void>): Promise<void> =>
    writeGguf(
      plan.tensors,
      async (bytes) => {
        await write(bytes);
        done += bytes.byteLength;
        writing?.(Math.min(done, plan.byteLength), plan.byteLength);
      },
      { metadata: plan.metadata, signal },
    );
  await writeWholeFile(out, sink);
  await checkWritten(out, plan, terminal);
  return plan;
}

async function requirePlace(out: string, { label }: Checkpoint, force: boolean): Promise<void> {
  if (!out.endsWith(".gguf")) throw new UsageError(`--out: ${out} must end in ".gguf"`);
  const found = await stat(out).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isFile()) throw new UsageError(`--out: ${out} is there, and is no file`);
  if ((await realpath(out)) === (await realpath(label).catch(() => undefined)))
    throw new UsageError(`--out: ${out} is the model itself; name another`);
  if (!force) throw new UsageError(`--out: ${out} is there; name another file, or replace it with --force`);
}

async function requireRoom(out: string, byteLength: number): Promise<void> {
  const folder = dirname(out);
  const { bavail, bsize } = await statfs(folder).catch((cause: unknown) => {
    throw new IoError(`${folder}: cannot be written (${(cause as NodeJS.ErrnoException).code})`, { cause });
  });
  if (bavail * bsize < byteLength + headroom)
    throw new IoError(
      `${folder}: the disk has ${megabytes(bavail * bsize)} left; the model takes ${megabytes(byteLength)}`,
    );
}

/** Opens what was written as a stranger would. */
async function checkWritten(out: string, { tensors }: GgufPlan, terminal: Terminal): Promise<void> {
  const folder = await openFolder(dirname(out));
  await using written = await openCheckpoint(folder, { file: basename(out), warn: terminal.warn });
  if (written.tensors.size !== tensors.length || written.config === undefined)
    throw new UnsupportedError(`${out}: holds ${written.tensors.size} tensors after ${tensors.length} were written`);
}
