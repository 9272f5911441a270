// Runs the search of encoders of blocks on all threads.
#include <stdatomic.h>

#include "device.h"
#include "kernels.h"
#include "pool.h"

typedef struct {
  const fb_kernels *kernels;
  const fb_search *search;
  _Atomic int64_t next;
} searching;

// Groups that a thread takes at a time.
enum { PORTION = 256 };

static void search_portions(void *context, int32_t thread, int32_t threads) {
  (void)thread, (void)threads;
  searching *work = context;
  const fb_search *s = work->search;
  for (;;) {
    const int64_t first = atomic_fetch_add(&work->next, PORTION);
    if (first >= s->groups) return;
    const int64_t last = first + PORTION < s->groups ? first + PORTION : s->groups;
    if (s->codes) work->kernels->search_encode(s, first, last);
    else if (s->errors) work->kernels->search_measure(s, first, last);
    else work->kernels->search_refit(s, first, last);
  }
}

void fb_search_blocks(fb_device *device, const fb_search *search) {
  searching work = {.kernels = device->kernels, .search = search};
  fb_pool_run(device->pool, search_portions, &work);
}
