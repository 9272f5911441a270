import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, realpath, rm, rmdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Sink } from "../../containers/write-tensor.ts";
import type { OutputFolder } from "../../quantize/write-conversion.ts";
import { diskError } from "../../hub/disk-error.node.ts";
import { IoError } from "../../util/errors.ts";
import { parseJsonObject, type JsonObject } from "../../util/json.ts";
import { megabytes } from "../megabytes.ts";
import { UsageError } from "../usage-error.ts";
import { writeWholeFile } from "../write-whole-file.ts";

/** Tells of a conversion that is under way, or was interrupted: what it is of, and the sizes of the files that are whole. */
const markerName = ".fewbit-convert.json";

/** What a conversion writes of a model's weights; other weights beside them would be taken for parts of it. */
const replaceable = /^(model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json|quant(ize)?_config\.json)$/;
const weights = /\.(safetensors|safetensors\.index\.json|gguf|bin|pt|pth)$/;

/**
 * The folder of a conversion. Files appear in it when they are whole. One that is interrupted leaves a marker, by which the same
 * conversion goes on; one that has made no file leaves nothing.
 */
export class ConversionFolder implements OutputFolder, AsyncDisposable {
  readonly #path: string;
  readonly #isNew: boolean;
  readonly #force: boolean;
  /** What the sources are, by their sizes and times. */
  readonly #source: string;
  #id = "";
  readonly #whole = new Map<string, number>();
  #state: "opened" | "begun" | "finished" = "opened";

  private constructor(path: string, isNew: boolean, force: boolean, source: string) {
    this.#path = path;
    this.#isNew = isNew;
    this.#force = force;
    this.#source = source;
  }

  /** Writes nothing yet. Throws UsageError for the source's own folder, and, without `force`, for a folder that holds anything else. */
  static async open(path: string, source: string, { force }: { readonly force: boolean }): Promise<ConversionFolder> {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() === false) throw new UsageError(`--out: ${path} is a file, not a folder`);
    if (found !== undefined && (await realpath(path)) === (await realpath(source)))
      throw new UsageError(`--out: ${path} is the folder of the model itself; name another`);
    const names = found === undefined ? [] : await readdir(path);
    if (names.length > 0 && !names.includes(markerName) && !force)
      throw new UsageError(`--out: ${path} is not empty; name another folder, or replace the model in it with --force`);
    return new ConversionFolder(path, found === undefined, force, await fingerprint(source));
  }

  /**
   * Makes the folder, and finds what an interrupted conversion of the same description has left. Throws IoError where the disk has no
   * room for so many bytes, or the folder has weights that are nothing of this.
   */
  async begin(description: JsonObject, byteLength: number): Promise<void> {
    this.#id = createHash("sha256")
      .update(JSON.stringify([this.#source, description]))
      .digest("hex");
    // Not recursive: on a file system that makes no folders (/proc) Node would try for ever.
    if (this.#isNew) await this.#disk(mkdir(this.#path));
    await this.#resume();
    const old = await this.#disk(readdir(this.#path));
    for (const name of old) {
      if (this.#whole.has(name) || name === markerName) continue;
      if (replaceable.test(name)) await this.#disk(rm(join(this.#path, name)));
      else if (weights.test(name))
        throw new IoError(`${this.#path}: holds ${name}, which would be taken for a part of the model; remove it`);
    }
    const kept = [...this.#whole.values()].reduce((sum, size) => sum + size, 0);
    const { bavail, bsize } = await this.#disk(statfs(this.#path));
    if (bavail * bsize < byteLength - kept) {
      throw new IoError(
        `${this.#path}: the disk has ${megabytes(bavail * bsize)} left; the model takes ${megabytes(byteLength - kept)}`,
      );
    }
    this.#state = "begun";
    await this.#mark();
  }

  has(name: string): boolean {
    return this.#whole.has(name);
  }

  async write(name: string, fill: (sink: Sink) => Promise<void>): Promise<void> {
    const path = join(this.#path, name);
    await writeWholeFile(path, fill);
    this.#whole.set(name, (await this.#disk(stat(path))).size);
    await this.#mark();
  }

  /** All is written. */
  async finish(): Promise<void> {
    await this.#disk(rm(join(this.#path, markerName)));
    this.#state = "finished";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "finished" || this.#whole.size > 0) return;
    if (this.#state === "begun") await rm(join(this.#path, markerName), { force: true });
    if (this.#isNew) await rmdir(this.#path).catch(() => undefined); // what is in it is not ours
  }

  async #resume(): Promise<void> {
    if (this.#force) return; // it begins anew
    const bytes = await readFile(join(this.#path, markerName)).catch(() => undefined);
    if (bytes === undefined) return;
    const { id, files } = parseJsonObject(bytes, join(this.#path, markerName));
    if (id !== this.#id) {
      throw new UsageError(
        `--out: ${this.#path} holds an unfinished conversion of another model, or to another format; --force replaces it`,
      );
    }
    for (const [name, size] of Object.entries((files ?? {}) as JsonObject)) {
      const found = await stat(join(this.#path, name)).catch(() => undefined);
      if (typeof size === "number" && found?.size === size && replaceable.test(name)) this.#whole.set(name, size);
    }
  }

  async #mark(): Promise<void> {
    const text = JSON.stringify({ id: this.#id, files: Object.fromEntries(this.#whole) });
    await writeWholeFile(join(this.#path, markerName), (write) => write(new TextEncoder().encode(text)));
  }

  async #disk<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (cause) {
      throw diskError(this.#path, cause);
    }
  }
}

/** Names, sizes and times of a folder's files, or of the file that holds all: another model in the same place is another source. */
async function fingerprint(source: string): Promise<string> {
  const place = await realpath(source);
  const found = await stat(place);
  if (!found.isDirectory()) return JSON.stringify([place, found.size, found.mtimeMs]);
  const names = (await readdir(place)).sort();
  const stats = await Promise.all(names.map((name) => stat(join(place, name))));
  return JSON.stringify([place, names.map((name, i) => [name, stats[i].size, stats[i].mtimeMs])]);
}
