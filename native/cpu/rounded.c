// Rounds dense values to 8-bit tiles as they are loaded.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "quads.h"

typedef struct {
  const fb_kernels *kernels;
  fb_weight *weight;
  const uint8_t *values;
  int32_t column, out, type;
  atomic_int next, failed;
} rounding;

// Codes 128 + round(x / scale), of groups whose scale is their largest magnitude / 127: what activations are rounded to, with 128 as the zero.
static void round_tiles(void *context, int32_t thread, int32_t threads) {
  (void)thread, (void)threads;
  rounding *work = context;
  fb_weight *w = work->weight;
  const size_t stride = (size_t)w->blocks * FB_BLOCK, groups = (size_t)w->groups, row_bytes = (size_t)w->in * fb_type_bytes(work->type);
  int8_t *codes = malloc(FB_TILE * stride);
  float *numbers = malloc((stride + 3 * FB_TILE * groups) * sizeof *numbers);
  if (!codes || !numbers) {
    atomic_store(&work->failed, 1);
    free(codes), free(numbers);
    return;
  }
  float *scales = numbers + stride;
  fb_activations to = {.codes = codes, .scales = scales, .sums = (int32_t *)(void *)(scales + FB_TILE * groups), .totals = scales + 2 * FB_TILE * groups,
                       .stride = (int32_t)stride, .span = w->group_size, .spans = w->groups};
  for (int32_t tile; (tile = atomic_fetch_add(&work->next, 1)) * FB_TILE < work->out;) {
    const int32_t first = tile * FB_TILE, count = work->out - first < FB_TILE ? work->out - first : FB_TILE;
    memset(codes, 0, FB_TILE * stride);
    memset(scales, 0, FB_TILE * groups * sizeof *scales);
    for (int32_t c = 0; c < count; c++) {
      work->kernels->widen(work->values + (size_t)(first + c) * row_bytes, work->type, numbers, w->in);
      work->kernels->quantize(numbers, NULL, w->in, &to, c);
    }
    const size_t place = (size_t)(work->column / FB_TILE + tile);
    uint8_t *at = w->codes + place * stride * FB_TILE;
    for (size_t k = 0; k < stride; k += FB_BLOCK, at += sizeof(quads_of_block)) {
      quads_of_block quads;
      for (int32_t c = 0; c < FB_TILE; c++)
        for (int32_t q = 0; q < 8; q++) {
          uint32_t quad;
          memcpy(&quad, codes + (size_t)c * stride + k + (size_t)(4 * q), 4);
          quads[q][c] = quad ^ 0x80808080u;
        }
      memcpy(at, quads, sizeof quads);
    }
    float *tile_scales = (float *)(void *)w->scales + place * groups * FB_TILE;
    for (size_t g = 0; g < groups; g++)
      for (size_t c = 0; c < FB_TILE; c++) tile_scales[g * FB_TILE + c] = scales[c * groups + g];
  }
  free(codes), free(numbers);
}

int32_t fb_weight_put_rounded(fb_device *device, fb_weight *weight, int32_t column, int32_t out, int32_t type, const uint8_t *values) {
  rounding work = {.kernels = device->kernels, .weight = weight, .values = values, .column = column, .out = out, .type = type};
  fb_pool_run(device->pool, round_tiles, &work);
  return !atomic_load(&work.failed);
}
