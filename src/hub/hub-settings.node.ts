import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { RequestError } from "../util/errors.ts";

/** Where models come from and where they are kept, by the environment variables of huggingface_hub (docs/env.md). */
export interface HubSettings {
  readonly endpoint: string;
  readonly cacheFolder: string;
  readonly token: string | undefined;
  readonly isOffline: boolean;
  readonly metadataTimeoutMs: number;
  readonly downloadTimeoutMs: number;
  /** Files of a snapshot are links to blobs, unless the system has none. */
  readonly usesLinks: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the environment, and the token's file. Throws RequestError for a variable that makes no sense. */
export async function readHubSettings(env: Environment = process.env): Promise<HubSettings> {
  return {
    endpoint: firstSet(env, "HF_ENDPOINT") ?? "https://huggingface.co",
    cacheFolder: hubCacheFolder(env),
    token: isOn(env.HF_HUB_DISABLE_IMPLICIT_TOKEN) ? undefined : await findToken(env),
    isOffline: isOn(firstSet(env, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")),
    metadataTimeoutMs: seconds(env, "HF_HUB_ETAG_TIMEOUT", 10),
    downloadTimeoutMs: seconds(env, "HF_HUB_DOWNLOAD_TIMEOUT", 10),
    usesLinks: !isOn(env.HF_HUB_DISABLE_SYMLINKS),
  };
}

/** The folder that all programs of one user share. */
export function hubCacheFolder(env: Environment = process.env): string {
  const own = firstSet(env, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE");
  return own !== undefined ? expand(own, env) : join(homeFolder(env), "hub");
}

function homeFolder(env: Environment): string {
  if (env.HF_HOME) return expand(env.HF_HOME, env);
  return join(env.XDG_CACHE_HOME ? expand(env.XDG_CACHE_HOME, env) : join(userFolder(env), ".cache"), "huggingface");
}

function userFolder(env: Environment): string {
  return firstSet(env, "HOME") ?? homedir();
}

/** "~" and "$NAME", which huggingface_hub expands as well. */
function expand(path: string, env: Environment): string {
  return path
    .replace(/^~(?=$|[/\\])/, userFolder(env))
    .replace(/\$(?:(\w+)|\{(\w+)\})/g, (whole, plain?: string, braced?: string) => env[plain ?? braced ?? ""] ?? whole);
}

async function findToken(env: Environment): Promise<string | undefined> {
  const name = env.HF_TOKEN ? "HF_TOKEN" : "HUGGING_FACE_HUB_TOKEN";
  const given = env[name]?.trim();
  if (given) return checkToken(given, name);
  const path = env.HF_TOKEN_PATH ? expand(env.HF_TOKEN_PATH, env) : join(homeFolder(env), "token");
  try {
    const stored = (await readFile(path, "utf8")).trim();
    return stored === "" ? undefined : checkToken(stored, path);
  } catch (error) {
    if (error instanceof RequestError) throw error;
    return undefined; // public models need none
  }
}

/** A token becomes a header. Throws RequestError, which does not quote it. */
export function checkToken(token: string, where: string): string {
  if (!/^[\x21-\x7e]{1,4096}$/.test(token))
    throw new RequestError(`${where}: holds no access token, but blanks or other characters`);
  return token;
}

/** An empty variable counts as none. */
function firstSet(env: Environment, ...names: readonly string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
}

function isOn(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? "");
}

function seconds(env: Environment, name: string, fallback: number): number {
  const text = env[name];
  if (!text) return fallback * 1000;
  const value = Number(text);
  if (!(value > 0 && value <= 86_400))
    throw new RequestError(`${name}: must be a number of seconds, found ${JSON.stringify(text)}`);
  return value * 1000;
}
