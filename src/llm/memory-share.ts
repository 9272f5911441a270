import type { RawTensor } from "../containers/raw-tensor.ts";
import type { Device, DeviceMemory } from "../device/backend.ts";
import type { Program } from "../device/program.ts";
import type { StepLimits } from "../device/step.ts";
import { OutOfMemoryError, UnsupportedError } from "../util/errors.ts";
import { formatBytes } from "../util/format-bytes.ts";

/**
 * Bytes that a model may take of a device for weights, buffers and caches together: this share of all that it has, as vLLM's
 * --gpu-memory-utilization. Throws UnsupportedError for a device that does not know what it has, OutOfMemoryError where others hold too
 * much of it.
 */
export function shareOfMemory(device: Pick<Device, "backend" | "memory">, share: number): number {
  const memory: DeviceMemory | undefined = device.memory?.();
  if (memory === undefined)
    throw new UnsupportedError(
      `the ${device.backend} backend does not know its memory, so that a share of it means nothing: ` +
        "say how much the caches may take (cacheBytes, --kv-cache-memory)",
    );
  const bytes = Math.floor(share * memory.totalBytes);
  if (bytes <= memory.freeBytes) return bytes;
  throw new OutOfMemoryError(
    `${share} of the device's ${formatBytes(memory.totalBytes)} are ${formatBytes(bytes)}, and ${formatBytes(memory.freeBytes)} are free: ` +
      "ask for a smaller share (memoryShare, --gpu-memory-utilization), or end what holds the rest",
  );
}

/** The least that the weights of these tensors can take: a device may round those in floats to 8 bits, and keeps the others' bits. */
export function leastWeightBytes(tensors: Iterable<Pick<RawTensor<string>, "dtype" | "byteLength">>): number {
  let bytes = 0;
  for (const { dtype, byteLength } of tensors) bytes += byteLength / (bytesOfFloat[dtype] ?? 1);
  return Math.ceil(bytes);
}

const bytesOfFloat: Readonly<Record<string, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2 };

/** What the buffers of a step take at most, all of them in f32. */
export function bufferBytes(
  { buffers }: Pick<Program, "buffers">,
  { maxTokens, maxOutputs }: Pick<StepLimits, "maxTokens" | "maxOutputs">,
): number {
  return buffers.reduce((sum, { rows, width }) => sum + 4 * width * (rows === "tokens" ? maxTokens : maxOutputs), 0);
}
