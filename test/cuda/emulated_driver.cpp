// Stands in for libcuda on machines without a GPU, so that the tests reach src/backends/cuda and what native/cuda computes. One device,
// whose streams have always done all they were given. FEWBIT_CUDA_DRIVER names the library that this becomes.
#include "emulation.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

EmulatedDim threadIdx, blockIdx, blockDim, gridDim;

static const EmulatedKernel *first_kernel;
EmulatedKernel::EmulatedKernel(const char *name, int bytes, void (*run)(const void *)) : name(name), parameter_bytes(bytes), run(run), next(first_kernel) { first_kernel = this; }

// -- Threads of a block --------------------------------------------------------------------------------------------------------------

namespace {

constexpr int kMostThreads = 1024;
constexpr size_t kStackBytes = 128 << 10;

enum class State { kReady, kAtWarp, kAtBlock, kDone };

struct Fiber {
  jmp_buf at;
  bool started;
  State state;
};

Fiber fibers[kMostThreads];
uint64_t exchanged[2][kMostThreads];
int parity[kMostThreads];
char *stacks;
jmp_buf scheduler;
ucontext_t scheduler_context;
int current;
void (*kernel)(const void *);
const void *parameters;
std::vector<uint64_t> dynamic_shared;

void fail(const char *why) {
  fprintf(stderr, "emulated driver: %s\n", why);
  abort();
}

void enter() {
  kernel(parameters);
  fibers[current].state = State::kDone;
  longjmp(scheduler, 1);
}

void wait(State state) {
  fibers[current].state = state;
  if (setjmp(fibers[current].at) == 0) longjmp(scheduler, 1);
}

void resume(int thread) {
  current = thread;
  threadIdx = {(unsigned)thread % blockDim.x, (unsigned)thread / blockDim.x, 0};
  Fiber &fiber = fibers[thread];
  fiber.state = State::kReady;
  if (setjmp(scheduler) != 0) return;
  if (fiber.started) longjmp(fiber.at, 1);
  fiber.started = true;
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = stacks + thread * kStackBytes;
  context.uc_stack.ss_size = kStackBytes;
  context.uc_link = nullptr;
  makecontext(&context, enter, 0);
  swapcontext(&scheduler_context, &context);
}

// Lets the lanes of a warp run until all that are left wait for the block. Lanes that have returned are waited for by nobody.
void run_warp(int first, int count) {
  for (;;) {
    bool at_warp = false, at_block = false;
    for (int i = first; i < first + count; i++) {
      if (fibers[i].state == State::kReady) resume(i);
      at_warp |= fibers[i].state == State::kAtWarp;
      at_block |= fibers[i].state == State::kAtBlock;
    }
    if (!at_warp) return;
    if (at_block) fail("some lanes of a warp wait for the block, others for the warp");
    for (int i = first; i < first + count; i++)
      if (fibers[i].state == State::kAtWarp) fibers[i].state = State::kReady;
  }
}

void run_block(int threads) {
  for (int i = 0; i < threads; i++) {
    fibers[i].started = false;
    fibers[i].state = State::kReady;
    parity[i] = 0;
  }
  for (;;) {
    for (int first = 0; first < threads; first += 32) run_warp(first, threads - first < 32 ? threads - first : 32);
    bool waiting = false;
    for (int i = 0; i < threads; i++)
      if (fibers[i].state == State::kAtBlock) {
        fibers[i].state = State::kReady;
        waiting = true;
      }
    if (!waiting) return;
  }
}

struct Launch {
  const EmulatedKernel *kernel;
  std::vector<char> parameters;
  EmulatedDim grid, block;
  unsigned shared_bytes;
};

void run_launch(const Launch &launch) {
  if (!stacks) stacks = (char *)mmap(nullptr, kMostThreads * kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int threads = (int)(launch.block.x * launch.block.y);
  if (threads < 1 || threads > kMostThreads) fail("a block has more threads than there are");
  kernel = launch.kernel->run;
  parameters = launch.parameters.data();
  gridDim = launch.grid;
  blockDim = launch.block;
  dynamic_shared.assign((launch.shared_bytes + 7) / 8, 0x7fc000007fc00000u);  // what nobody has written is no number
  for (blockIdx.z = 0; blockIdx.z < gridDim.z; blockIdx.z++)
    for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++)
      for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++) run_block(threads);
}

}  // namespace

void __syncthreads() { wait(State::kAtBlock); }
int emulated_lane() { return current % 32; }
void *emulated_dynamic_shared() { return dynamic_shared.data(); }

const uint64_t *emulated_exchange(uint64_t value) {
  // Two places: a lane may be one exchange ahead of another that has still to read.
  uint64_t *lanes = exchanged[parity[current] ^= 1];
  lanes[current] = value;
  const int first = current / 32 * 32;
  wait(State::kAtWarp);
  return lanes + first;
}

// -- The driver ----------------------------------------------------------------------------------------------------------------------

typedef int Result;
enum { kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kNotFound = 500 };

static std::map<uint64_t, size_t> allocations;  // by address: bytes mapped, the guard page included
static size_t allocated, memory_limit = (size_t)4 << 30;
static bool capturing;
struct Graph {
  std::vector<Launch> launches;
};
static Graph *captured;

// Memory ends where a page begins that nobody may touch, and starts as what is no number.
static Result allocate(uint64_t *to, size_t bytes) {
  const size_t page = 4096, rounded = (bytes + 15) / 16 * 16, mapped = (rounded + page - 1) / page * page + page;
  if (bytes == 0) return kInvalidValue;
  if (allocated + mapped > memory_limit) return kOutOfMemory;
  char *base = (char *)mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return kOutOfMemory;
  mprotect(base + mapped - page, page, PROT_NONE);
  char *start = base + mapped - page - rounded;
  memset(start, 0xff, rounded);
  allocations[(uint64_t)start] = mapped;
  allocated += mapped;
  *to = (uint64_t)start;
  return kSuccess;
}

static Result release(uint64_t address) {
  const auto found = allocations.find(address);
  if (found == allocations.end()) return kInvalidValue;
  allocated -= found->second;
  munmap((void *)(address / 4096 * 4096), found->second);
  allocations.erase(found);
  return kSuccess;
}

extern "C" {

// One a line.
const char *emulated_kernel_names() {
  static std::string names;
  names.clear();
  for (const EmulatedKernel *kernel = first_kernel; kernel; kernel = kernel->next) names += std::string(kernel->name) + "\n";
  return names.c_str();
}

Result cuInit(unsigned) {
  if (const char *limit = getenv("FEWBIT_EMULATED_MEMORY")) memory_limit = strtoull(limit, nullptr, 10);
  return kSuccess;
}
Result cuDriverGetVersion(int *version) { return *version = 13000, kSuccess; }
Result cuGetErrorString(Result result, const char **text) {
  *text = result == kOutOfMemory ? "out of memory" : result == kNotFound ? "named symbol not found" : "invalid argument";
  return kSuccess;
}
Result cuDeviceGetCount(int *count) { return *count = 1, kSuccess; }
Result cuDeviceGet(int *device, int) { return *device = 0, kSuccess; }
Result cuDeviceGetName(char *name, int length, int) { return snprintf(name, (size_t)length, "emulated device"), kSuccess; }
Result cuDeviceGetAttribute(int *value, int attribute, int) {
  // compute capability 8.0; one multiprocessor of 163 KiB of shared memory a block
  *value = attribute == 75 ? 8 : attribute == 76 ? 0 : attribute == 16 ? 1 : attribute == 97 ? 166912 : 0;
  return kSuccess;
}
Result cuDevicePrimaryCtxRetain(void **context, int) { return *context = &allocations, kSuccess; }
Result cuDevicePrimaryCtxRelease_v2(int) { return kSuccess; }
Result cuCtxSetCurrent(void *) { return kSuccess; }
Result cuMemGetInfo_v2(size_t *free, size_t *total) { return *free = memory_limit - allocated, *total = memory_limit, kSuccess; }
Result cuMemAlloc_v2(uint64_t *to, size_t bytes) { return allocate(to, bytes); }
Result cuMemFree_v2(uint64_t address) { return release(address); }
Result cuMemHostAlloc(uint64_t *to, size_t bytes, unsigned) { return allocate(to, bytes); }
Result cuMemFreeHost(uint64_t address) { return release(address); }
Result cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *) { return memcpy((void *)to, from, bytes), kSuccess; }
Result cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *) { return memcpy(to, (const void *)from, bytes), kSuccess; }
Result cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *) { return memset((void *)to, value, bytes), kSuccess; }

Result cuModuleLoadData(void **module, const void *) { return *module = &first_kernel, kSuccess; }
Result cuModuleUnload(void *) { return kSuccess; }
Result cuModuleGetFunction(const void **function, void *, const char *name) {
  for (const EmulatedKernel *kernel = first_kernel; kernel; kernel = kernel->next)
    if (strcmp(kernel->name, name) == 0) return *function = kernel, kSuccess;
  return kNotFound;
}
Result cuFuncSetAttribute(void *, int, int) { return kSuccess; }

struct LaunchConfig {
  unsigned gx, gy, gz, bx, by, bz, shared;
  void *stream, *attributes;
  unsigned attribute_count;
};
Result cuLaunchKernelEx(const LaunchConfig *config, const EmulatedKernel *kernel, void **parameters, void **) {
  const auto [gx, gy, gz, bx, by, bz, shared, stream, attributes, attribute_count] = *config;
  if (gx == 0 || gy == 0 || gz == 0 || gy > 65535 || gz > 65535 || bz != 1) return kInvalidValue;
  Launch launch = {kernel, std::vector<char>((size_t)kernel->parameter_bytes), {gx, gy, gz}, {bx, by, bz}, shared};
  memcpy(launch.parameters.data(), parameters[0], launch.parameters.size());
  if (capturing) captured->launches.push_back(launch);
  else run_launch(launch);
  return kSuccess;
}
Result cuTensorMapEncodeTiled() { return kInvalidValue; }  // needs what no emulated kernel has

Result cuStreamCreate(void **stream, unsigned) { return *stream = &allocated, kSuccess; }
Result cuStreamDestroy_v2(void *) { return kSuccess; }
Result cuStreamSynchronize(void *) { return kSuccess; }
Result cuStreamBeginCapture_v2(void *, int) { return captured = new Graph, capturing = true, kSuccess; }
Result cuStreamEndCapture(void *, void **graph) { return capturing = false, *graph = captured, kSuccess; }
Result cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long) { return *executable = new Graph(*(Graph *)graph), kSuccess; }
Result cuGraphLaunch(void *executable, void *) {
  for (const Launch &launch : ((Graph *)executable)->launches) run_launch(launch);
  return kSuccess;
}
Result cuGraphExecDestroy(void *graph) { return delete (Graph *)graph, kSuccess; }
Result cuGraphDestroy(void *graph) { return delete (Graph *)graph, kSuccess; }
Result cuEventCreate(void **event, unsigned) { return *event = &captured, kSuccess; }
Result cuEventDestroy_v2(void *) { return kSuccess; }
Result cuEventRecord(void *, void *) { return kSuccess; }
Result cuEventSynchronize(void *) { return kSuccess; }
Result cuEventElapsedTime(float *milliseconds, void *, void *) { return *milliseconds = 0, kSuccess; }
}
