import { readFile } from "node:fs/promises";

/** Those that kernels are written for, or will be: names as Linux has them, x86 then ARM. */
const interesting = new Set([
  ...["sse4_2", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx_vnni", "avx512_bf16"],
  ...["avx512_fp16", "amx_int8", "amx_bf16"],
  ...["asimd", "fphp", "asimddp", "i8mm", "bf16", "sve", "sve2"],
]);

/** What the first processor can do, as far as the system tells; empty where it does not. */
export async function cpuFeatures(): Promise<readonly string[]> {
  try {
    return parseCpuInfo(await readFile("/proc/cpuinfo", "utf8"));
  } catch {
    return []; // no Linux
  }
}

export function parseCpuInfo(text: string): readonly string[] {
  const [, flags = ""] = /^(?:flags|Features)\s*:(.*)$/m.exec(text) ?? [];
  return flags.split(/\s+/).filter((flag) => interesting.has(flag));
}
