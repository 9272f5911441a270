#include "weight.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

fb_weight *fb_weight_take(const fb_weight *description, size_t byte_length) {
  fb_weight *w = malloc(sizeof *w);
  if (!w) return NULL;
  *w = *description;
  w->byte_length = byte_length;
  w->owned = byte_length > 0 ? fb_memory_take(byte_length) : NULL;
  if (w->owned || byte_length == 0) return w;
  free(w);
  return NULL;
}

fb_weight *fb_weight_dense(int32_t in, int32_t out, int32_t type, uint8_t *values) {
  const fb_weight dense = {.kind = FB_DENSE, .in = in, .out = out, .type = type, .bits = 8 * (int32_t)fb_type_bytes(type), .tiles = (out + FB_TILE - 1) / FB_TILE, .values = values};
  fb_weight *w = fb_weight_take(&dense, values ? 0 : fb_whole_lines((size_t)in * (size_t)out * fb_type_bytes(type)));
  if (w && !values) w->values = w->owned;
  return w;
}

void fb_weight_put_dense(fb_weight *weight, int32_t column, int32_t out, const uint8_t *values) {
  const size_t row = (size_t)weight->in * fb_type_bytes(weight->type);
  memcpy(weight->values + (size_t)column * row, values, (size_t)out * row);
}

double fb_weight_bytes(const fb_weight *weight) {
  return (double)(weight->owned ? weight->byte_length : (size_t)weight->in * (size_t)weight->out * fb_type_bytes(weight->type));
}

void fb_weight_free(fb_weight *weight) {
  fb_memory_give(weight->owned);
  free(weight->group_ends);
  free(weight);
}
