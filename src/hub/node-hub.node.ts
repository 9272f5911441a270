import { mkdir, readFile, stat, statfs, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { openFolder } from "../io/folder.node.ts";
import { AbortedError, FormatError, IoError } from "../util/errors.ts";
import { mapConcurrent } from "../util/map-concurrent.ts";
import { quote } from "../util/quote.ts";
import { repositoryFolder } from "./cache-layout.ts";
import { chooseFiles, maxIndexBytes, type ChosenFiles } from "./choose-files.ts";
import { diskError } from "./disk-error.node.ts";
import { downloadBlob, hasBlob, partialPath } from "./download-blob.node.ts";
import { DownloadProgress } from "./download-progress.ts";
import type { Hub, HubModel, HubOpenOptions } from "./hub.ts";
import { HubClient, NotOnHubError, type HubClientOptions } from "./hub-client.ts";
import { formatHubId, isCommit, type HubId } from "./hub-id.ts";
import { checkToken, readHubSettings, type HubSettings } from "./hub-settings.node.ts";
import { checkStoredPath, type RepositoryFile, type RevisionInfo } from "./repository-file.ts";
import { addToSnapshot, readRef, snapshotFiles, snapshotPath, writeRef } from "./snapshot.node.ts";

const filesAtOnce = 4;
const defaultRevision = "main";

/** What a program sets by itself; the rest is the environment's. */
export type NodeHubOptions = Partial<HubSettings> & Pick<HubClientOptions, "backoffMs">;

/** The Hub with the cache that all programs of a user share. The environment is read at each opening. */
export function createNodeHub(given: NodeHubOptions = {}): Hub {
  return {
    open: async (id, options) => {
      const settings = { ...(await readHubSettings()), ...given };
      const { offline: isOffline = settings.isOffline, token = settings.token } = options;
      if (token !== undefined) checkToken(token, "the token");
      return new Opening(id, options, { ...settings, isOffline, token }).run();
    },
  };
}

/** One opening of one id. */
class Opening {
  readonly #id: HubId;
  readonly #options: HubOpenOptions;
  readonly #settings: HubSettings;
  readonly #client: HubClient;
  readonly #repositoryPath: string;
  readonly #revision: string;
  readonly #label: string;

  constructor(id: HubId, options: HubOpenOptions, settings: HubSettings & HubClientOptions) {
    this.#id = id;
    this.#options = options;
    this.#settings = settings;
    this.#client = new HubClient(settings);
    this.#repositoryPath = join(settings.cacheFolder, repositoryFolder(id.repository));
    this.#revision = id.revision ?? defaultRevision;
    this.#label = formatHubId(id);
  }

  async run(): Promise<HubModel> {
    if (this.#settings.isOffline) return this.#openOffline();
    const cachedCommit = await readRef(this.#repositoryPath, this.#revision);
    const cached = cachedCommit && (await this.#openCached(cachedCommit).catch(() => undefined));
    // A commit never changes.
    if (cached && isCommit(this.#revision)) return cached;
    let now: RevisionInfo;
    try {
      // With a copy in the cache, a Hub that cannot be reached costs one attempt.
      const patience = { signal: this.#options.signal, ...(cached && { attempts: 1 }) };
      now = await this.#client.resolve(this.#id.repository, this.#revision, patience);
    } catch (error) {
      if (!cached || error instanceof AbortedError || error instanceof NotOnHubError) throw error;
      this.#options.onWarning?.(`${(error as Error).message}; ${this.#label} is opened from the cache`);
      return cached;
    }
    return (await this.#findWhole(now)) ?? (await this.#fetch(now.commit));
  }

  async #openOffline(): Promise<HubModel> {
    const hint = `(${this.#repositoryPath}), and offline nothing is fetched (--offline, HF_HUB_OFFLINE)`;
    const commit = await readRef(this.#repositoryPath, this.#revision);
    if (commit === undefined) throw new IoError(`${this.#label}: is not in the cache ${hint}`);
    try {
      return await this.#openCached(commit);
    } catch (cause) {
      throw new IoError(`${this.#label}: what it needs is not in the cache ${hint}: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  /** What a snapshot holds. Errors as chooseFiles. */
  async #openCached(commit: string): Promise<HubModel> {
    const there = await snapshotFiles(snapshotPath(this.#repositoryPath, commit));
    return this.#model(commit, await this.#choose(there, (path) => this.#readCached(commit, path)));
  }

  /** The snapshot of a commit, if it has all that the model needs of the commit's files: others may have fetched a part of them. */
  async #findWhole({ commit, paths }: RevisionInfo): Promise<HubModel | undefined> {
    const there = await snapshotFiles(snapshotPath(this.#repositoryPath, commit));
    if (there.length === 0) return undefined;
    try {
      const chosen = await this.#choose(paths, (path) => this.#readCached(commit, path));
      if (!chosen.paths.every((path) => there.includes(path))) return undefined;
      await writeRef(this.#repositoryPath, this.#revision, commit).catch(() => undefined); // the cache may be read-only
      return await this.#model(commit, chosen);
    } catch {
      return undefined; // what is wrong shows when it is fetched
    }
  }

  async #readCached(commit: string, path: string): Promise<Uint8Array> {
    return readIndex(join(snapshotPath(this.#repositoryPath, commit), path));
  }

  #choose(paths: readonly string[], readIndex: (path: string) => Promise<Uint8Array>): Promise<ChosenFiles> {
    return chooseFiles(paths, { label: this.#label, variant: this.#id.variant, readIndex });
  }

  /** Brings all files of a commit that the model needs; the snapshot is there when all of them are, and the ref comes last. */
  async #fetch(commit: string): Promise<HubModel> {
    const { repository } = this.#id;
    const { signal, onProgress, onWarning } = this.#options;
    const files = new Map<string, RepositoryFile>();
    for (const file of await this.#client.list(repository, commit, signal)) files.set(file.path, file);
    await this.#prepareFolders();
    const chosen = await this.#choose([...files.keys()], async (path) => {
      const [index] = this.#filesOf(files, [path]);
      if (index.size <= maxIndexBytes) await this.#download(commit, index, signal, () => undefined);
      return readIndex(this.#blobPath(index), index.size);
    });
    const wanted = this.#filesOf(files, chosen.paths);
    const missing: RepositoryFile[] = [];
    // The same content under two names is one blob.
    const blobs = new Map(wanted.map((file) => [file.hash, file]));
    for (const file of blobs.values()) if (!(await hasBlob(this.#blobPath(file), file.size))) missing.push(file);
    await this.#requireSpace(missing);
    if (chosen.note !== undefined) onWarning?.(chosen.note);
    if (missing.length > 0) {
      const progress = onProgress && new DownloadProgress(missing, onProgress);
      // Large ones first: the small ones then fill what they leave.
      missing.sort((a, b) => b.size - a.size);
      await this.#downloadAll(commit, missing, (file, bytesDone) => progress?.reached(file, bytesDone));
    }
    try {
      for (const file of wanted) await addToSnapshot(this.#repositoryPath, commit, file, this.#settings.usesLinks);
      await writeRef(this.#repositoryPath, this.#revision, commit);
    } catch (error) {
      throw diskError(this.#repositoryPath, error);
    }
    return this.#model(commit, chosen);
  }

  #filesOf(files: ReadonlyMap<string, RepositoryFile>, paths: readonly string[]): readonly RepositoryFile[] {
    return paths.flatMap((path) => {
      checkStoredPath(path, this.#label);
      const file = files.get(path);
      return file === undefined ? [] : [file];
    });
  }

  /** Several at once; when one fails, the others stop where they are. */
  async #downloadAll(
    commit: string,
    files: readonly RepositoryFile[],
    onBytes: (file: RepositoryFile, bytesDone: number) => void,
  ): Promise<void> {
    const stopping = new AbortController();
    const { signal } = this.#options;
    const signals = AbortSignal.any([stopping.signal, ...(signal ? [signal] : [])]);
    await mapConcurrent(files, filesAtOnce, async (file) => {
      try {
        await this.#download(commit, file, signals, (bytesDone) => onBytes(file, bytesDone));
      } catch (error) {
        stopping.abort();
        throw error;
      }
    });
  }

  async #download(
    commit: string,
    file: RepositoryFile,
    signal: AbortSignal | undefined,
    onBytes: (bytesDone: number) => void,
  ): Promise<void> {
    const locks = join(this.#settings.cacheFolder, ".locks", basename(this.#repositoryPath));
    await downloadBlob({
      client: this.#client,
      repository: this.#id.repository,
      commit,
      file,
      path: this.#blobPath(file),
      lockPath: join(locks, `${file.hash}.fewbit.lock`),
      signal,
      onBytes,
      onWait: () =>
        this.#options.onWarning?.(`${this.#label}: another process is fetching ${quote(file.path)}; waiting for it`),
    });
  }

  #blobPath({ hash }: RepositoryFile): string {
    return join(this.#repositoryPath, "blobs", hash);
  }

  async #prepareFolders(): Promise<void> {
    const { cacheFolder } = this.#settings;
    try {
      await mkdir(join(this.#repositoryPath, "blobs"), { recursive: true });
      // Backups leave folders with this file out: https://bford.info/cachedir/
      const tag = "Signature: 8a477f597d28d172789f06886806bc55\n# Downloaded models; they can be fetched again.\n";
      await writeFile(join(cacheFolder, "CACHEDIR.TAG"), tag, { flag: "wx" }).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      });
    } catch (error) {
      throw diskError(cacheFolder, error);
    }
  }

  /** Throws IoError before anything is fetched that the disk could not hold. */
  async #requireSpace(files: readonly RepositoryFile[]): Promise<void> {
    let needed = 0;
    for (const file of files) {
      const part = await stat(partialPath(this.#blobPath(file))).catch(() => undefined);
      needed += Math.max(0, file.size - (part?.size ?? 0));
    }
    const { blocks, bavail, bsize } = await statfs(this.#repositoryPath);
    // Some file systems of the network do not tell.
    if (blocks > 0 && needed > bavail * bsize) {
      throw new IoError(
        `${this.#label} needs ${gigabytes(needed)} more, and the disk of ${this.#repositoryPath} has ${gigabytes(bavail * bsize)} left; ` +
          "make room, or name another disk in HF_HUB_CACHE",
      );
    }
  }

  async #model(commit: string, { file }: ChosenFiles): Promise<HubModel> {
    const snapshot = snapshotPath(this.#repositoryPath, commit);
    if (file === undefined) return { folder: await openFolder(snapshot), commit, path: snapshot };
    const path = join(snapshot, file);
    return { folder: await openFolder(dirname(path)), commit, file: basename(path), path };
  }
}

/** Throws FormatError for one that is too large to be one. */
async function readIndex(path: string, size?: number): Promise<Uint8Array> {
  const byteLength = size ?? (await stat(path)).size;
  if (byteLength > maxIndexBytes)
    throw new FormatError(`${path}: the index has ${byteLength} bytes; at most ${maxIndexBytes} are read`);
  return readFile(path);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
