import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createCpuBackend } from "../../src/backends/cpu/cpu-backend.node.ts";
import { openCheckpoint } from "../../src/checkpoint/open-checkpoint.ts";
import { compileModel } from "../../src/compile/compile-model.ts";
import { checkProgram } from "../../src/device/check-program.ts";
import { openMemoryFolder } from "../../src/io/memory-folder.ts";
import { createModel } from "../../src/models/models.ts";
import { FewbitError } from "../../src/util/errors.ts";
import { fixtures, sharedFixtures } from "../support/fixtures.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { mutate } from "./mutate.ts";

/**
 * Damaged checkpoints of every format: each loads, or is refused by an error of ours, and memory stays within bounds. Loading goes all the
 * way into the CPU's own layouts, so that a check that lets something through shows as a crash of this process. By hand:
 * `FEWBIT_MUTATIONS=100000 npx vitest run test/load`; FEWBIT_MUTATION_SEED begins elsewhere.
 */
const count = Number(process.env.FEWBIT_MUTATIONS ?? 1000);
const firstSeed = Number(process.env.FEWBIT_MUTATION_SEED ?? 1);
/** Beyond the file's own size. */
const mostMebibytes = 256;

interface Sample {
  readonly name: string;
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

const read = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(path));
const weightsOrConfig = /^(?:(?:quantize_|quant_)?config\.json|model.*\.(?:safetensors|index\.json))$/;

function samples(): Sample[] {
  const roots = sharedFixtures === undefined ? [fixtures] : [fixtures, sharedFixtures];
  const foldersIn = (kind: string): Sample[] =>
    roots
      .flatMap((root) => listed(join(root, kind)).map((name) => [name, join(root, kind, name)] as const))
      .map(([name, path]) => ({
        name,
        files: new Map(
          listed(path)
            .filter((file) => weightsOrConfig.test(file))
            .map((file) => [file, read(join(path, file))]),
        ),
      }));
  const single = roots
    .flatMap((root) => ["gguf", "gguf/models", "gguf/extra"].map((kind) => join(root, kind)))
    .flatMap((folder) => listed(folder).map((file) => [file, join(folder, file)] as const))
    .filter(([file]) => /\.(?:gguf|bin)$/.test(file) && !/-of-\d+/.test(file))
    .map(([name, path]) => ({ name, files: new Map([[name, read(path)]]) }));
  return [...["modules", "models", "arch"].flatMap(foldersIn), ...single].filter(({ files }) => files.size > 0);
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Where a file's numbers are: most changes to plain values of weights give plain values. */
function headerBytes(name: string, bytes: Uint8Array<ArrayBuffer>): number {
  if (!name.endsWith(".safetensors")) return Math.min(bytes.length, name.endsWith(".json") ? bytes.length : 20_000);
  return Math.min(bytes.length, 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true)));
}

async function load(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): Promise<void> {
  await using checkpoint = await openCheckpoint(openMemoryFolder(files), { warn: () => undefined });
  checkpoint.embeddedText();
  await using device = await createCpuBackend().open({ threads: 1 });
  for (const { name, shape } of checkpoint.modules()) {
    if (shape.length !== 2) continue;
    await onlyOurErrors(async () => {
      const { weight } = await checkpoint.linear(name);
      using prepared = await device.prepare([weight]);
      expect(prepared.byteLength, name).toBeGreaterThan(0);
    });
  }
  const model = createModel(checkpoint.config);
  using compiled = await compileModel({ model, source: checkpoint, device });
  expect(() => checkProgram(compiled.program)).not.toThrow();
}

/** Runs on, after an error of ours. */
async function onlyOurErrors(action: () => Promise<unknown>): Promise<"loads" | "refused"> {
  try {
    await action();
    return "loads";
  } catch (error) {
    if (error instanceof FewbitError) return "refused";
    throw error;
  }
}

/**
 * Memory that the process holds, and the most it held since it was last asked to forget (5 in clear_refs; see proc(5)): so that one damaged
 * file's peak is not hidden below an earlier one's. Elsewhere than on Linux nothing forgets, and only a new peak is seen.
 */
function mebibytes(line: "VmRSS" | "VmHWM"): number {
  if (!hasProc) return process.resourceUsage().maxRSS / 1024;
  const [, kibibytes] = new RegExp(`^${line}:\\s*(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kibibytes) / 1024;
}

const hasProc = existsSync("/proc/self/clear_refs");

function forgetPeak(): void {
  if (hasProc) writeFileSync("/proc/self/clear_refs", "5");
}

test(
  `${count} damaged checkpoints`,
  async () => {
    const all = samples();
    for (const { files } of all) await onlyOurErrors(() => load(files)); // what loading takes by itself
    const outcomes = { loads: 0, refused: 0 };
    let most = 0;
    for (let seed = firstSeed; seed < firstSeed + count; seed++) {
      const below = seededRandom(seed);
      const { name, files } = all[seed % all.length];
      const [file, bytes] = [...files][below(files.size)];
      const changed = new Map(files).set(file, mutate(bytes, headerBytes(file, bytes), seed));
      const size = [...changed.values()].reduce((sum, { length }) => sum + length, 0) / 2 ** 20;
      forgetPeak();
      const [before, start] = [mebibytes("VmRSS"), performance.now()];
      try {
        outcomes[await onlyOurErrors(() => load(changed))]++;
      } catch (cause) {
        throw new Error(`seed ${seed}, ${name}, ${file}`, { cause });
      }
      const grown = mebibytes("VmHWM") - before;
      most = Math.max(most, grown - size);
      expect(grown, `MiB that seed ${seed} takes: ${name}, ${file}`).toBeLessThan(mostMebibytes + size);
      const seconds = (performance.now() - start) / 1e3;
      if (seconds > 5) console.warn(`seed ${seed}, ${name}, ${file}: ${seconds.toFixed(1)} s`);
    }
    console.log(
      `of ${count}: ${outcomes.loads} load, ${outcomes.refused} are refused; ${all.length} checkpoints, at most ${Math.round(most)} MiB beyond a file`,
    );
    expect(outcomes.loads).toBeGreaterThan(count / 50);
    expect(outcomes.refused).toBeGreaterThan(count / 10);
  },
  60_000 + 100 * count,
);
