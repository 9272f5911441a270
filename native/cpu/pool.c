#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "aligned.h"

#if defined(__x86_64__) || defined(__i386__)
#define pause_briefly() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define pause_briefly() __asm__ __volatile__("yield")
#else
#define pause_briefly() ((void)0)
#endif

// A step follows the last within some 100 µs while a sequence decodes: spinning that long saves the wake-up, and ends soon after the last step.
enum { SPINS_BEFORE_SLEEP = 20000 };

// Whoever waits at a barrier waits for microseconds as a rule. After some 15 µs the thread waited for has probably lost its processor, maybe to this
// one's neighbour: yielding lets it run. Without yielding two processes side by side were seen at a fifth of the speed of one.
enum { SPINS_BEFORE_YIELD = 1000 };

struct fb_pool {
  fb_pool *next;    // in shared_pools
  int32_t openers;  // both guarded by open_lock
  int32_t threads;
  pthread_t *workers;
  int32_t started;
  pthread_mutex_t run_lock;   // one run at a time
  pthread_mutex_t sleep_lock;
  pthread_cond_t wake;
  fb_task task;
  void *context;
  _Alignas(64) atomic_uint generation;  // grows with every run; odd or even does not matter
  _Alignas(64) atomic_int working;      // workers that have not ended the run
  _Alignas(64) atomic_int arrived;      // threads at the barrier
  _Alignas(64) atomic_uint phase;       // barriers passed
  atomic_int closing;
};

typedef struct {
  fb_pool *pool;
  int32_t thread;
} worker_start;

void fb_pool_spin(uint32_t *spins) {
  if (++*spins < SPINS_BEFORE_YIELD) {
    pause_briefly();
  } else {
    sched_yield();
    *spins = 0;
  }
}

static void *work(void *argument) {
  worker_start start = *(worker_start *)argument;
  free(argument);
  fb_pool *pool = start.pool;
  unsigned seen = 0;
  for (;;) {
    for (uint32_t spins = 0; spins < SPINS_BEFORE_SLEEP && atomic_load_explicit(&pool->generation, memory_order_acquire) == seen; spins++) pause_briefly();
    if (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen) {
      pthread_mutex_lock(&pool->sleep_lock);
      while (atomic_load(&pool->generation) == seen) pthread_cond_wait(&pool->wake, &pool->sleep_lock);
      pthread_mutex_unlock(&pool->sleep_lock);
    }
    seen = atomic_load(&pool->generation);
    if (atomic_load(&pool->closing)) return NULL;
    pool->task(pool->context, start.thread, pool->threads);
    atomic_fetch_sub_explicit(&pool->working, 1, memory_order_release);
  }
}

static void start_generation(fb_pool *pool) {
  pthread_mutex_lock(&pool->sleep_lock);
  atomic_fetch_add(&pool->generation, 1);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->sleep_lock);
}

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static fb_pool *shared_pools;

static void destroy(fb_pool *pool) {
  pthread_mutex_lock(&pool->run_lock);
  atomic_store(&pool->closing, 1);
  start_generation(pool);
  for (int32_t i = 0; i < pool->started; i++) pthread_join(pool->workers[i], NULL);
  pthread_mutex_unlock(&pool->run_lock);
  pthread_mutex_destroy(&pool->run_lock);
  pthread_mutex_destroy(&pool->sleep_lock);
  pthread_cond_destroy(&pool->wake);
  free(pool->workers);
  fb_aligned_give(pool);
}

static fb_pool *create(int32_t threads) {
  fb_pool *pool = fb_aligned_take(64, (sizeof(fb_pool) + 63) / 64 * 64);
  if (!pool) return NULL;
  *pool = (fb_pool){.threads = threads, .openers = 1};
  pool->workers = calloc((size_t)threads, sizeof(pthread_t));
  pthread_mutex_init(&pool->run_lock, NULL);
  pthread_mutex_init(&pool->sleep_lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  for (int32_t i = 1; pool->workers && i < threads; i++) {
    worker_start *start = malloc(sizeof *start);
    if (!start) break;
    *start = (worker_start){pool, i};
    if (pthread_create(&pool->workers[pool->started], NULL, work, start) != 0) {
      free(start);
      break;
    }
    pool->started++;
  }
  if (pool->started == threads - 1) return pool;
  destroy(pool);
  return NULL;
}

fb_pool *fb_pool_open(int32_t threads, int32_t shares) {
  if (!shares) return create(threads);
  pthread_mutex_lock(&open_lock);
  fb_pool *pool = shared_pools;
  while (pool && pool->threads != threads) pool = pool->next;
  if (pool) {
    pool->openers++;
  } else if ((pool = create(threads))) {
    pool->next = shared_pools;
    shared_pools = pool;
  }
  pthread_mutex_unlock(&open_lock);
  return pool;
}

void fb_pool_close(fb_pool *pool) {
  pthread_mutex_lock(&open_lock);
  const int is_last = --pool->openers == 0;
  if (is_last) {
    fb_pool **link = &shared_pools;
    while (*link && *link != pool) link = &(*link)->next;
    if (*link) *link = pool->next;
  }
  pthread_mutex_unlock(&open_lock);
  if (is_last) destroy(pool);
}

int32_t fb_pool_threads(const fb_pool *pool) { return pool->threads; }

void fb_pool_run(fb_pool *pool, fb_task task, void *context) {
  pthread_mutex_lock(&pool->run_lock);
  pool->task = task;
  pool->context = context;
  if (pool->threads > 1) {
    atomic_store(&pool->working, pool->threads - 1);
    start_generation(pool);
  }
  task(context, 0, pool->threads);
  for (uint32_t spins = 0; atomic_load_explicit(&pool->working, memory_order_acquire) > 0;) fb_pool_spin(&spins);
  pthread_mutex_unlock(&pool->run_lock);
}

void fb_pool_barrier(fb_pool *pool) {
  if (pool->threads == 1) return;
  unsigned phase = atomic_load_explicit(&pool->phase, memory_order_relaxed);
  if (atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel) == pool->threads - 1) {
    atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->phase, phase + 1, memory_order_release);
    return;
  }
  for (uint32_t spins = 0; atomic_load_explicit(&pool->phase, memory_order_acquire) == phase;) fb_pool_spin(&spins);
}
