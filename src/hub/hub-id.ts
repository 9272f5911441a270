/** A model on the Hub as people write it: `org/name`, `org/name@revision`, `org/name:Q4_K_M`, or with both. */
export interface HubId {
  readonly repository: string;
  /** A branch, a tag or a commit; absent: the main branch. */
  readonly revision?: string;
  /** Which file of a GGUF repository. */
  readonly variant?: string;
}

const hubId = /^(?<repository>[\w.-]+\/[\w.-]+?)(?:@(?<revision>[^\s:]+?))?(?::(?<variant>[\w.-]+))?$/;

/** Undefined for text that is no id: a path, a prompt. What ends like a file of weights is a path, though the Hub would allow it. */
export function parseHubId(text: string): HubId | undefined {
  const groups = hubId.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const { repository, revision, variant } = groups;
  if (/\.(gguf|safetensors|bin)$/i.test(repository)) return undefined;
  if (!isRepositoryName(repository) || (revision !== undefined && !isRevision(revision))) return undefined;
  return { repository, ...(revision !== undefined && { revision }), ...(variant !== undefined && { variant }) };
}

/** As parseHubId reads it. */
export function formatHubId({ repository, revision, variant }: HubId): string {
  return repository + (revision === undefined ? "" : `@${revision}`) + (variant === undefined ? "" : `:${variant}`);
}

/**
 * The Hub's own rules for `org/name`: each part begins and ends with a letter, a digit or "_", and "--" and ".." stand
 * nowhere, so that the name of the cache's folder, with "--" for the slash, says which repository it is.
 */
export function isRepositoryName(text: string): boolean {
  return /^\w(?:[\w.-]*\w)?\/\w(?:[\w.-]*\w)?$/.test(text) && text.length <= 96 && !/--|\.\.|\.git$/.test(text);
}

/** The name of a branch, tag or commit, as Git allows it; it becomes a path below `refs`. */
export function isRevision(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  if (text.length > 255 || /[\u0000-\u0020\u007f~^:?*[\\]|@\{|\.\.|\/$/.test(text)) return false;
  return text.split("/").every((part) => part !== "" && !part.startsWith(".") && !/(\.|\.lock)$/.test(part));
}

/** Whether a revision is a commit itself: it always means the same files. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
