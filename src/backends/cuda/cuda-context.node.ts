import type { DeviceMemory } from "../../device/backend.ts";
import { bytesOf } from "../../util/bytes.ts";
import { CrashError, UnsupportedError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format-bytes.ts";
import { errorOf } from "./check-result.ts";
import type { CudaDriver, Handle } from "./cuda-driver.node.ts";
import type { KernelFolder } from "./find-kernels.node.ts";
import type { DevicePointer } from "./record-writer.ts";

/** From CUdevice_attribute, CUfunction_attribute and the flags of cuda.h. */
const attributes = { multiprocessors: 16, computeMajor: 75, computeMinor: 76, sharedBytesOptIn: 97 } as const;
const maxDynamicSharedBytes = 8;
const preferredSharedCarveout = 9;
const programmaticStreamSerialization = 6;
const eventFlags = { blockingSync: 1, disableTiming: 2 } as const;
const streamNonBlocking = 1;
const captureThreadLocal = 1;
const noBinary = 209;
const notFound = 500;

/** What a kernel gets by default; more has to be asked for. */
const defaultSharedBytes = 48 << 10;

/** 13.0 needs driver 580; kernels are compiled for that, and for compute capability 8.0 upwards. */
const leastDriver = 13_000;
const leastCapability = 80;

/** Uploads pass through pinned memory in pieces of this size, so that copies to the device overlap with those into the next piece. */
const stagingBytes = 16 << 20;
const stagingCount = 3;

export interface DeviceFacts {
  readonly ordinal: number;
  readonly name: string;
  /** Ten times the major, plus the minor number. */
  readonly capability: number;
  readonly multiprocessors: number;
  readonly sharedBytes: number;
  /** As cuDriverGetVersion has it: 13000 for CUDA 13.0. */
  readonly driver: number;
}

/** A launch of a kernel, whose parameters are one structure. */
export interface Launch {
  readonly kernel: Handle;
  readonly grid: readonly [x: number, y: number, z: number];
  readonly threads: number;
  readonly sharedBytes: number;
  readonly parameters: LaunchParameters;
}

/** The structure that a kernel takes, as the driver takes it. */
export interface LaunchParameters {
  /** Where the driver reads it at every launch: it must live as long as `address`. */
  readonly record: Uint8Array;
  /** One address, of the record. */
  readonly address: BigUint64Array;
}

/** Memory of the process that the device reads and writes by itself. */
export interface PinnedMemory extends Disposable {
  readonly bytes: Uint8Array;
  readonly address: bigint;
}

/** What the first device is. Throws UnsupportedError with the reason where there is none that can run the kernels. */
export function findDevice(driver: CudaDriver): DeviceFacts {
  const check = checker(driver);
  check(driver.cuInit(0), "no NVIDIA GPU can be used");
  const int = (read: (to: Int32Array) => number, what: string): number => {
    const to = new Int32Array(1);
    check(read(to), what);
    return to[0];
  };
  const version = int((to) => driver.cuDriverGetVersion(to), "the driver's version cannot be read");
  if (version < leastDriver)
    throw new UnsupportedError(
      `the NVIDIA driver here is for CUDA ${formatVersion(version)}; ${formatVersion(leastDriver)} (driver 580) or newer is needed`,
    );
  if (int((to) => driver.cuDeviceGetCount(to), "the devices cannot be counted") === 0)
    throw new UnsupportedError("the NVIDIA driver here sees no GPU");
  const ordinal = 0;
  const device = int((to) => driver.cuDeviceGet(to, ordinal), "the first device cannot be had");
  const attribute = (which: number): number =>
    int((to) => driver.cuDeviceGetAttribute(to, which, device), "a device's attribute cannot be read");
  const nameBytes = new Uint8Array(256);
  check(driver.cuDeviceGetName(nameBytes, nameBytes.length, device), "the device's name cannot be read");
  const name = new TextDecoder().decode(nameBytes.subarray(0, nameBytes.indexOf(0)));
  const capability = 10 * attribute(attributes.computeMajor) + attribute(attributes.computeMinor);
  if (capability < leastCapability)
    throw new UnsupportedError(
      `${name} has compute capability ${formatCapability(capability)}; ${formatCapability(leastCapability)} or more is needed`,
    );
  return {
    ordinal: device,
    name,
    capability,
    multiprocessors: attribute(attributes.multiprocessors),
    sharedBytes: Math.max(attribute(attributes.sharedBytesOptIn), defaultSharedBytes),
    driver: version,
  };
}

export const formatCapability = (capability: number): string => (capability / 10).toFixed(1);
const formatVersion = (version: number): string => `${Math.floor(version / 1000)}.${Math.floor(version / 10) % 100}`;

/** Throws the error that a result stands for, beginning with what failed. */
function checker(driver: CudaDriver) {
  return (result: number, what: string): void => {
    if (result === 0) return;
    const text = new BigUint64Array(1);
    const known = driver.cuGetErrorString(result, text) === 0 && text[0] !== 0n;
    throw errorOf(result, what, known ? driver.readText(text[0]) : "an error without a name");
  };
}

/**
 * One device: its context, one stream of work in order, the kernels, and memory. Once an error has come that no later call can recover from
 * (an illegal address, a lost device), every method throws CrashError: nothing in this process can use the device any more.
 */
export class CudaContext {
  readonly facts: DeviceFacts;
  readonly #driver: CudaDriver;
  readonly #stream: Handle;
  readonly #folder: KernelFolder;
  /** By file: loaded when the first of its kernels is asked for. */
  readonly #modules = new Map<string, Handle>();
  readonly #kernels = new Map<string, Handle | undefined>();
  /** By kernel, what it may have. */
  readonly #sharedBytes = new Map<string, number>();
  /** CUlaunchConfig and CUlaunchAttribute of cuda.h, written anew for every launch. */
  readonly #config = new DataView(new ArrayBuffer(56));
  readonly #attribute = new Uint8Array(new ArrayBuffer(72));
  readonly #staging: { readonly memory: PinnedMemory; readonly isFree: Handle; used: boolean }[] = [];
  #uploading: Promise<void> = Promise.resolve();
  #poison: CrashError | undefined;

  /** Throws as findDevice, and OutOfMemoryError. */
  constructor(driver: CudaDriver, folder: KernelFolder) {
    this.#driver = driver;
    this.#folder = folder;
    this.facts = findDevice(driver);
    const context = this.#made((to) => driver.cuDevicePrimaryCtxRetain(to, this.facts.ordinal), "a context");
    this.#check(driver.cuCtxSetCurrent(context), "the context cannot be used");
    this.#stream = this.#made((to) => driver.cuStreamCreate(to, streamNonBlocking), "a stream");
    this.#config.setBigUint64(32, this.#stream, true);
    this.#config.setBigUint64(40, driver.addressOf(this.#attribute), true);
    this.#config.setUint32(48, this.facts.capability >= 90 ? 1 : 0, true);
    this.#attribute.set([programmaticStreamSerialization, 0, 0, 0, 0, 0, 0, 0, 1]);
  }

  /** A kernel by name; undefined: none was compiled for this device. */
  findKernel(name: string): Handle | undefined {
    if (!this.#kernels.has(name)) {
      const file = this.#folder.fileOf(name);
      this.#kernels.set(name, file === undefined ? undefined : this.#loadKernel(file, name));
    }
    return this.#kernels.get(name);
  }

  /** A kernel by name, that may have so many bytes of dynamic shared memory. Throws UnsupportedError where the device has less. */
  kernel(name: string, sharedBytes = 0): Handle {
    const found = this.findKernel(name);
    if (found === undefined)
      throw new UnsupportedError(`cuda: ${this.#folder.path} has no ${name} for ${this.facts.name}`);
    if (sharedBytes > this.facts.sharedBytes)
      throw new UnsupportedError(
        `cuda: ${name} would need ${sharedBytes} bytes of shared memory, ${this.facts.name} has ${this.facts.sharedBytes}`,
      );
    if (sharedBytes > defaultSharedBytes && sharedBytes > (this.#sharedBytes.get(name) ?? 0)) {
      this.#sharedBytes.set(name, sharedBytes);
      this.#check(this.#driver.cuFuncSetAttribute(found, maxDynamicSharedBytes, sharedBytes), name);
    }
    return found;
  }

  /** Of the whole device; what other processes hold is not free. */
  memory(): DeviceMemory {
    const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)];
    this.#check(this.#driver.cuMemGetInfo(free, total), "the device's memory");
    return { totalBytes: Number(total[0]), freeBytes: Number(free[0]) };
  }

  /** Throws OutOfMemoryError naming what for. The memory is as somebody left it. */
  allocate(bytes: number, what: string): DevicePointer {
    return this.#made((to) => this.#driver.cuMemAlloc(to, bytes), `${what} (${formatBytes(bytes)})`);
  }

  /** 0n is let be. */
  free(pointer: DevicePointer): void {
    if (pointer !== 0n && this.#poison === undefined)
      this.#check(this.#driver.cuMemFree(pointer), "memory of the device");
  }

  pinned(bytes: number): PinnedMemory {
    const address = this.#made(
      (to) => this.#driver.cuMemHostAlloc(to, bytes, 0),
      `${formatBytes(bytes)} of pinned memory`,
    );
    return {
      address,
      bytes: new Uint8Array(this.#driver.viewMemory(address, bytes)),
      [Symbol.dispose]: () => void this.#driver.cuMemFreeHost(address),
    };
  }

  /** For a copy of the structure that begins at a multiple of 64 bytes, as the strictest of their members does. */
  parametersOf(structure: Uint8Array): LaunchParameters {
    const record = this.#aligned(structure.length);
    record.set(structure);
    return { record, address: BigUint64Array.of(this.#driver.addressOf(record)) };
  }

  /** Copies bytes of any memory to the device, behind all work so far; when it resolves, they have been read. */
  upload(to: DevicePointer, bytes: Uint8Array): Promise<void> {
    const done = this.#uploading.then(() => this.#upload(to, bytes));
    this.#uploading = done.catch(() => undefined); // whoever asked is told
    return done;
  }

  /** The same for little: it is read at once. */
  write(to: DevicePointer, values: NodeJS.TypedArray, bytes: number): void {
    if (bytes > 0) this.#check(this.#driver.cuMemcpyHtoDAsync(to, values, bytes, this.#stream), "a copy to the device");
  }

  /** Copies from pinned memory, which must stay as it is until the device has come to it. */
  copy(to: DevicePointer, from: PinnedMemory, bytes: number): void {
    this.#check(this.#driver.cuMemcpyHtoDAsync(to, from.address, bytes, this.#stream), "a copy to the device");
  }

  /** Copies to pinned memory, which has it after the next `finish`. */
  read(to: PinnedMemory, offset: number, from: DevicePointer, bytes: number): void {
    this.#check(
      this.#driver.cuMemcpyDtoHAsync(to.address + BigInt(offset), from, bytes, this.#stream),
      "a copy from the device",
    );
  }

  fill(to: DevicePointer, value: number, bytes: number): void {
    this.#check(this.#driver.cuMemsetD8Async(to, value, bytes, this.#stream), "the device's memory cannot be filled");
  }

  /** On Hopper and later a kernel starts before the one in front of it has ended: all of ours wait by themselves. */
  launch({ kernel, grid: [x, y, z], threads, sharedBytes, parameters }: Launch): void {
    if (x === 0 || y === 0 || z === 0) return;
    [x, y, z, threads, 1, 1, sharedBytes].forEach((value, i) => this.#config.setUint32(4 * i, value, true));
    this.#check(
      this.#driver.cuLaunchKernelEx(bytesOf(this.#config), kernel, parameters.address, null),
      "a kernel cannot be launched",
    );
  }

  /**
   * What bulk copies of tiles take: a map of `rows` rows of `columns` 16-bit floats, boxes of 64 columns with the swizzle of 128 bytes.
   * Columns and rows beyond are read as 0.
   */
  tensorMap(of: {
    readonly base: DevicePointer;
    readonly type: "f16" | "bf16";
    readonly columns: number;
    readonly rows: number;
    readonly stride: number;
    readonly boxRows: number;
  }): Uint8Array {
    const map = this.#aligned(128);
    this.#check(
      this.#driver.cuTensorMapEncodeTiled(
        map,
        { f16: 6, bf16: 9 }[of.type],
        2,
        of.base,
        BigUint64Array.of(BigInt(of.columns), BigInt(of.rows)),
        BigUint64Array.of(BigInt(2 * of.stride)),
        Uint32Array.of(64, of.boxRows),
        Uint32Array.of(1, 1),
        0, // not interleaved
        3, // swizzle of 128 bytes
        3, // fetched into the cache by 256 bytes
        0, // what lies beyond is 0
      ),
      "a tensor map",
    );
    return map;
  }

  /** What `launchAll` launches, as one graph that can be replayed. */
  capture(launchAll: () => void): Handle {
    this.#check(this.#driver.cuStreamBeginCapture(this.#stream, captureThreadLocal), "a graph cannot be captured");
    try {
      launchAll();
    } catch (error) {
      this.#driver.cuStreamEndCapture(this.#stream, new BigUint64Array(1)); // the first error says more
      throw error;
    }
    const graph = this.#made((to) => this.#driver.cuStreamEndCapture(this.#stream, to), "a captured graph");
    try {
      return this.#made((to) => this.#driver.cuGraphInstantiate(to, graph, 0), "an executable graph");
    } finally {
      this.#check(this.#driver.cuGraphDestroy(graph), "a captured graph");
    }
  }

  replay(graph: Handle): void {
    this.#check(this.#driver.cuGraphLaunch(graph, this.#stream), "a graph cannot be launched");
  }

  freeGraph(graph: Handle): void {
    if (this.#poison === undefined) this.#check(this.#driver.cuGraphExecDestroy(graph), "a graph");
  }

  /** What `finish` marks a place in the stream with. */
  event(): Handle {
    return this.#made(
      (to) => this.#driver.cuEventCreate(to, eventFlags.blockingSync | eventFlags.disableTiming),
      "an event",
    );
  }

  freeEvent(event: Handle): void {
    if (this.#poison === undefined) this.#check(this.#driver.cuEventDestroy(event), "an event");
  }

  /** Resolves once all work so far has been done, which `event` stands for until then. The event loop goes on. */
  async finish(event: Handle): Promise<void> {
    this.#check(this.#driver.cuEventRecord(event, this.#stream), "an event");
    await this.#wait(event);
  }

  close(): void {
    if (this.#poison !== undefined) return; // the driver has taken it all back, or nothing can
    for (const { memory, isFree } of this.#staging) {
      memory[Symbol.dispose]();
      this.#driver.cuEventDestroy(isFree);
    }
    for (const module of this.#modules.values()) this.#driver.cuModuleUnload(module);
    this.#driver.cuStreamDestroy(this.#stream);
    this.#driver.cuDevicePrimaryCtxRelease(this.facts.ordinal);
    this.#poison = new CrashError("cuda: the device was closed before");
  }

  async #upload(to: DevicePointer, bytes: Uint8Array): Promise<void> {
    for (let at = 0, slot = 0; at < bytes.length; at += stagingBytes, slot = (slot + 1) % stagingCount) {
      const staging = (this.#staging[slot] ??= {
        memory: this.pinned(stagingBytes),
        isFree: this.event(),
        used: false,
      });
      if (staging.used) await this.#wait(staging.isFree);
      const piece = bytes.subarray(at, at + stagingBytes);
      staging.memory.bytes.set(piece);
      this.#check(
        this.#driver.cuMemcpyHtoDAsync(to + BigInt(at), staging.memory.address, piece.length, this.#stream),
        "an upload",
      );
      this.#check(this.#driver.cuEventRecord(staging.isFree, this.#stream), "an event");
      staging.used = true;
    }
  }

  #loadKernel(file: string, name: string): Handle | undefined {
    const to = new BigUint64Array(1);
    let module = this.#modules.get(file);
    if (module === undefined) {
      const result = this.#driver.cuModuleLoadData(to, this.#folder.read(file));
      if (result === noBinary) return undefined;
      this.#check(result, `the kernels of ${file}`);
      [module] = to;
      this.#modules.set(file, module);
    }
    const result = this.#driver.cuModuleGetFunction(to, module, name);
    if (result === notFound) return undefined;
    this.#check(result, `kernel ${name}`);
    // All of the cache that can be shared memory, for every kernel: a multiprocessor has to run dry before it changes that.
    this.#check(this.#driver.cuFuncSetAttribute(to[0], preferredSharedCarveout, 100), name);
    return to[0];
  }

  /** Memory of the process at a multiple of 64 bytes. */
  #aligned(bytes: number): Uint8Array {
    const buffer = new ArrayBuffer(bytes + 63);
    const start = Number(-this.#driver.addressOf(new Uint8Array(buffer)) & 63n);
    return new Uint8Array(buffer, start, bytes);
  }

  async #wait(event: Handle): Promise<void> {
    this.#check(await this.#driver.cuEventSynchronize(event), "the device failed");
  }

  #made(make: (to: BigUint64Array) => number, what: string): Handle {
    const to = new BigUint64Array(1);
    this.#check(make(to), `${what} cannot be had`);
    return to[0];
  }

  #check(result: number, what: string): void {
    if (this.#poison !== undefined) throw this.#poison;
    if (result === 0) return;
    try {
      checker(this.#driver)(result, what);
    } catch (error) {
      if (error instanceof CrashError) this.#poison = error;
      throw error;
    }
  }
}
