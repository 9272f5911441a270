import { constants } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { dirname } from "node:path";

/** Where models from the Hub are kept. */
export interface CacheFindings {
  readonly folder: string;
  /** Whether it is there, or could be made. */
  readonly isWritable: boolean;
  /** Null: the system does not say. */
  readonly freeBytes: number | null;
}

/** Looks at a folder that need not be there yet, through the nearest one above it that is. */
export async function examineCache(folder: string): Promise<CacheFindings> {
  const isThere = (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    );
  let nearest = folder;
  while (!(await isThere(nearest)) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  const isWritable = await access(nearest, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  const disk = await statfs(nearest).catch(() => undefined);
  return { folder, isWritable, freeBytes: disk === undefined ? null : disk.bavail * disk.bsize };
}

export interface TerminalFindings {
  readonly input: boolean;
  readonly output: boolean;
  readonly columns: number | null;
  readonly type: string | null;
  readonly hasColors: boolean;
}

export function examineTerminal(hasColors: boolean): TerminalFindings {
  const { stdin, stdout, env } = process;
  return {
    input: stdin.isTTY ?? false,
    output: stdout.isTTY ?? false,
    columns: stdout.columns ?? null,
    type: env.TERM ?? null,
    hasColors,
  };
}

const counted =
  /^(FEWBIT_.*|HF_.*|HUGGINGFACE_HUB_CACHE|HUGGING_FACE_HUB_TOKEN|TRANSFORMERS_OFFLINE|NO_COLOR|XDG_(CACHE|STATE)_HOME)$/;

/** The variables that fewbit goes by, as far as they are set; of a secret only that it is. */
export function examineEnvironment(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const found = Object.entries(env).filter(([name, value]) => counted.test(name) && value !== undefined);
  return Object.fromEntries(found.sort().map(([name, value = ""]) => [name, /TOKEN|KEY/.test(name) ? "(set)" : value]));
}
