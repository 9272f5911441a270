import type { Folder } from "../io/folder.ts";
import type { OnLoadProgress } from "../util/load-progress.ts";

/** A model on the Hub as people write it: `org/name`, `org/name@revision`, `org/name:Q4_K_M`. */
export interface HubId {
  readonly repository: string;
  /** A branch, a tag or a commit; absent: the main branch. */
  readonly revision?: string;
  /** Which file of a GGUF repository. */
  readonly variant?: string;
}

export interface HubOpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of the phase "download"; not for files that are here already. */
  readonly onProgress?: OnLoadProgress | undefined;
}

/** Where models come from that are not on the disk. */
export interface Hub {
  /** Brings a repository's files here and opens them as a folder. */
  open(id: HubId, options: HubOpenOptions): Promise<Folder>;
}

const hubId = /^(?<repository>[\w.-]+\/[\w.-]+?)(?:@(?<revision>[\w./-]+?))?(?::(?<variant>[\w.-]+))?$/;

/** Undefined for text that is no id: a path, a prompt. */
export function parseHubId(text: string): HubId | undefined {
  const groups = hubId.exec(text)?.groups;
  if (groups === undefined || /^\.{1,2}\//.test(text)) return undefined;
  const { repository, revision, variant } = groups;
  return { repository, ...(revision !== undefined && { revision }), ...(variant !== undefined && { variant }) };
}
