// Rotates the queries of a token in place, and writes its rotated keys and its values into the cache.
// Grid: (any number of blocks, tokens): heads of queries, keys and values go to blocks in turn, so that of many tokens a block turns more than
// one head by the same angles; pair i of a head is its elements i and i + rotary_dim / 2.
#include "kernel.cuh"
#include "numbers.cuh"
#include "step.cuh"

constexpr int kThreads = 64;

FB_EARLY_KERNEL(kThreads, 16, rope_write, RopeWriteParams) {
  const int token = (int)blockIdx.y, own = (int)threadIdx.x;
  if (token >= p.step[kTokens]) return await_previous_kernel();
  const int sequence = sequence_of(p.step, token), position = step_ints(p.step, kPositionsAt)[token];
  const int page = pages_of(p.step, p.page_kind, sequence)[position / kPagePositions], half = p.rotary_dim / 2;
  const float *variant = p.frequencies + (p.variants > 1 ? step_ints(p.step, kVariantsAt)[sequence] * (1 + half) : 0);
  // The angle is the f32 product: models are trained and judged with that.
  const auto turn = [&](int i, float *sine, float *cosine) {
    sincosf((float)position * variant[1 + i], sine, cosine);
    *sine *= variant[0];
    *cosine *= variant[0];
  };
  float own_sine = 0, own_cosine = 0;
  if (own < half) turn(own, &own_sine, &own_cosine);
  await_previous_kernel();

  const int units = p.heads + 2 * p.kv_heads;
#pragma unroll 4
  for (int unit = (int)blockIdx.x; unit < units; unit += (int)gridDim.x) {
    const int key = unit - p.heads, value = key - p.kv_heads;
    const View &from = key < 0 ? p.q : value < 0 ? p.k : p.v;
    const int head = key < 0 ? unit : value < 0 ? key : value, first = head * p.head_dim;
    const int64_t to = page_plane(page, value >= 0, head, p.kv_heads, p.head_dim) + (int64_t)(position % kPagePositions) * p.head_dim;
    const auto put = [&](int i, float x) {
      if (key < 0) store(p.q, token, first + i, x);
      else write_float(p.cache, p.cache_type, to + i, x);
    };
    const int turned = value < 0 ? half : 0;
    for (int i = own; i < turned; i += kThreads) {
      float sine = own_sine, cosine = own_cosine;
      if (i != own) turn(i, &sine, &cosine);
      const float a = load(from, token, first + i), b = load(from, token, first + turned + i);
      put(i, a * cosine - b * sine);
      put(turned + i, b * cosine + a * sine);
    }
    if (key < 0) continue;
    for (int i = 2 * turned + own; i < p.head_dim; i += kThreads) put(i, load(from, token, first + i));
  }
}
