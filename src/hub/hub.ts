import type { Folder } from "../io/folder.ts";
import type { OnLoadProgress } from "../util/load-progress.ts";
import type { Warn } from "../util/warn-once.ts";
import type { HubId } from "./hub-id.ts";

/** What a user may say about a fetch, beside the id. */
export interface HubAccess {
  /** An access token, for private and gated repositories; absent: the environment's. */
  readonly token?: string | undefined;
  /** Only what is in the cache already, without any request; absent: as the environment says. */
  readonly offline?: boolean | undefined;
}

export interface HubOpenOptions extends HubAccess {
  readonly signal?: AbortSignal | undefined;
  /** Told of the phase "download"; not for files that are here already. */
  readonly onProgress?: OnLoadProgress | undefined;
  /** Told of what is odd but does no harm, such as a Hub that cannot be reached while the cache has the model. */
  readonly onWarning?: Warn | undefined;
}

/** A model that is here now. */
export interface HubModel {
  readonly folder: Folder;
  /** The file that the id picks, of a split set the first; absent: the folder is the model. */
  readonly file?: string;
  readonly commit: string;
  /** Of the folder, or of the file where one is picked: whoever opens this path gets the model without the Hub. */
  readonly path: string;
}

/** Where models come from that are not on the disk. */
export interface Hub {
  /**
   * Brings what an id names here and opens it. Throws RequestError for a variant that there is not, UnsupportedError where nothing can be
   * read, IoError when something cannot be fetched or stored, FormatError for answers and files that are not what they claim to be.
   */
  open(id: HubId, options: HubOpenOptions): Promise<HubModel>;
}
