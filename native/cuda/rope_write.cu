// Rotates the queries of a token in place, and writes its rotated keys and its values into the cache.
// Grid: (heads + 2 * kv_heads, tokens), a block a head; pair i of a head is its elements i and i + rotary_dim / 2.
#include "kernel.cuh"
#include "numbers.cuh"
#include "step.cuh"

constexpr int kThreads = 64;

FB_KERNEL(kThreads, rope_write, RopeWriteParams) {
  const int token = (int)blockIdx.y;
  if (token >= p.step[kTokens]) return;
  const int unit = (int)blockIdx.x, key = unit - p.heads, value = key - p.kv_heads;
  const int sequence = sequence_of(p.step, token), position = step_ints(p.step, kPositionsAt)[token];
  const View &from = key < 0 ? p.q : value < 0 ? p.k : p.v;
  const int head = key < 0 ? unit : value < 0 ? key : value;
  const int first = head * p.head_dim;

  int64_t to = 0;
  if (key >= 0) {
    const int page = pages_of(p.step, p.page_kind, sequence)[position / kPagePositions];
    to = page_plane(page, value >= 0, head, p.kv_heads, p.head_dim) + (int64_t)(position % kPagePositions) * p.head_dim;
  }
  const auto put = [&](int i, float x) {
    if (key < 0) store(p.q, token, first + i, x);
    else write_float(p.cache, p.cache_type, to + i, x);
  };

  const int half = value < 0 ? p.rotary_dim / 2 : 0;
  const float *variant = p.frequencies + (p.variants > 1 ? step_ints(p.step, kVariantsAt)[sequence] * (1 + p.rotary_dim / 2) : 0);
  for (int i = (int)threadIdx.x; i < half; i += kThreads) {
    // The angle is the f32 product: models are trained and judged with that.
    const float angle = (float)position * variant[1 + i], scale = variant[0];
    float sine, cosine;
    sincosf(angle, &sine, &cosine);
    const float a = load(from, token, first + i), b = load(from, token, first + half + i);
    sine *= scale;
    cosine *= scale;
    put(i, a * cosine - b * sine);
    put(half + i, b * cosine + a * sine);
  }
  if (key < 0) return;
  for (int i = 2 * half + (int)threadIdx.x; i < p.head_dim; i += kThreads) put(i, load(from, token, first + i));
}
