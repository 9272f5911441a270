#include "device.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aligned.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

int32_t fb_abi(void) { return FB_ABI; }

int32_t fb_has_isa(const char *isa) {
  if (strcmp(isa, "portable") == 0) return 1;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (strcmp(isa, "avx2") == 0) return avx2;
  if (strcmp(isa, "avx512") == 0)
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
#elif defined(__aarch64__)
#if defined(__linux__)
  if (strcmp(isa, "neon") == 0) return (getauxval(AT_HWCAP) >> 20 & 1) != 0;  // HWCAP_ASIMDDP: dot products
#elif defined(__APPLE__)
  if (strcmp(isa, "neon") == 0) return 1;  // every Apple silicon has dot products
#endif
#endif
  return 0;
}

const char *fb_best_isa(void) {
  static const char *const best_first[] = {"avx512", "avx2", "neon"};
  for (size_t i = 0; i < sizeof best_first / sizeof *best_first; i++)
    if (fb_has_isa(best_first[i])) return best_first[i];
  return "portable";
}

static const fb_kernels *kernels_named(const char *isa) {
#if defined(__x86_64__)
  if (strcmp(isa, "avx512") == 0) return &fb_kernels_avx512;
  if (strcmp(isa, "avx2") == 0) return &fb_kernels_avx2;
#elif defined(__aarch64__)
  if (strcmp(isa, "neon") == 0) return &fb_kernels_neon;
#endif
  return &fb_kernels_portable;
}

fb_device *fb_device_open(int32_t threads, const char *isa, int32_t shares) {
  if (threads < 1 || threads > FB_MAX_THREADS || !fb_has_isa(isa)) return NULL;
  fb_device *device = calloc(1, sizeof *device);
  if (!device) return NULL;
  device->kernels = kernels_named(isa);
  device->pool = fb_pool_open(threads, shares);
  if (device->pool) return device;
  free(device);
  return NULL;
}

void fb_device_close(fb_device *device) {
  fb_pool_close(device->pool);
  free(device);
}

// ---- What the machine can do ----

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

typedef struct {
  fb_device *device;
  uint8_t *bytes;
  size_t each;       // bytes a thread reads
  int64_t rounds;
  _Atomic uint64_t result;
} measurement;

static void touch(void *context, int32_t thread, int32_t threads) {
  (void)threads;
  measurement *work = context;
  memset(work->bytes + (size_t)thread * work->each, thread + 1, work->each);
}
static void read_part(void *context, int32_t thread, int32_t threads) {
  (void)threads;
  measurement *work = context;
  work->result += work->device->kernels->read(work->bytes + (size_t)thread * work->each, work->each);
}

double fb_measure_read(fb_device *device, double bytes, int32_t repeats) {
  const int32_t threads = fb_pool_threads(device->pool);
  const size_t each = (size_t)bytes / (size_t)threads / 4096 * 4096;
  measurement work = {.device = device, .each = each, .bytes = fb_aligned_take(4096, each * (size_t)threads)};
  if (!work.bytes) return 0;
  fb_pool_run(device->pool, touch, &work);
  double best = 0;
  for (int32_t i = 0; i < repeats; i++) {
    const double start = now();
    fb_pool_run(device->pool, read_part, &work);
    const double rate = (double)each * threads / (now() - start);
    best = rate > best ? rate : best;
  }
  fb_aligned_give(work.bytes);
  return best;
}

static void dot_part(void *context, int32_t thread, int32_t threads) {
  (void)thread;
  (void)threads;
  measurement *work = context;
  work->result += (uint64_t)work->device->kernels->dot_peak(work->rounds);
}

double fb_measure_dot(fb_device *device, int32_t milliseconds) {
  measurement work = {.device = device, .rounds = 1 << 14};
  double best = 0;
  for (const double end = now() + 1e-3 * milliseconds; now() < end;) {
    work.result = 0;
    const double start = now();
    fb_pool_run(device->pool, dot_part, &work);
    const double rate = 2 * (double)work.result / (now() - start);
    best = rate > best ? rate : best;
    if (work.rounds < 1 << 22) work.rounds *= 2;  // long enough for the clock, on any machine
  }
  return best;
}

static void barriers(void *context, int32_t thread, int32_t threads) {
  (void)thread;
  (void)threads;
  measurement *work = context;
  for (int64_t i = 0; i < work->rounds; i++) fb_pool_barrier(work->device->pool);
}

double fb_measure_barrier(fb_device *device, int32_t repeats) {
  measurement work = {.device = device, .rounds = repeats};
  const double start = now();
  fb_pool_run(device->pool, barriers, &work);
  return (now() - start) / repeats;
}
