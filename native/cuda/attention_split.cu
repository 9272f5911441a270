// Attention of few tokens over an f16 cache, split along the context: for decoding, where reading keys and values is all there is to do.
//
// Split    a block has one token, one head of keys with all query heads that share it, and a run of pages; each of its warps 8 positions of a
//          page, in loads of 16 bytes, all of a page in flight at once. Blocks leave their shares in memory, and the last to arrive adds
//          them up.
// Order    of sums it depends on where the runs begin, and so on how many tokens the step has: not for f32.
// Needs    head_dim 64, 128 or 256, at most 8 query heads for one of keys, 16-bit queries whose rows begin at multiples of 16 bytes.
// Grid: (splits, kv_heads, tokens).
#include "kernel.cuh"
#include "numbers.cuh"
#include "step.cuh"

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kWarpPositions = kPagePositions / kWarps;
constexpr int kMostSplits = 16;

template <int kDim, int kGroup>
__device__ inline void attend(const AttentionSplitParams &params) {
  constexpr int kLanes = kDim / 8;               // of a position
  constexpr int kAtOnce = kWarp / kLanes;        // positions of a load
  constexpr int kLoads = kWarpPositions / kAtOnce;
  __shared__ float sums_of[kWarps][kGroup][kDim], largest_of[kWarps][kGroup], total_of[kWarps][kGroup];
  __shared__ bool is_last;

  const AttentionParams &p = params.op;
  const int token = (int)blockIdx.z, kv_head = (int)blockIdx.y, splits = (int)gridDim.x, group = p.heads / p.kv_heads;
  if (token >= p.step[kTokens]) return;
  const int last = step_ints(p.step, kPositionsAt)[token], first = p.window > 0 ? max(0, last - p.window + 1) : 0;
  const int first_page = first / kPagePositions, page_count = last / kPagePositions - first_page + 1;
  const int run = (page_count + splits - 1) / splits;
  const int begin = first_page + (int)blockIdx.x * run, end = min(begin + run, first_page + page_count);
  const int *pages = pages_of(p.step, p.page_kind, sequence_of(p.step, token));
  const int column = lane_id() % kLanes * 8, own = lane_id() / kLanes;

  float q[kGroup][8], sums[kGroup][8], largest[kGroup], total[kGroup];
#pragma unroll
  for (int g = 0; g < kGroup; g++) {
    largest[g] = -INFINITY;
    total[g] = 0;
#pragma unroll
    for (int i = 0; i < 8; i++) sums[g][i] = 0;
    const int own_column = (kv_head * group + min(g, group - 1)) * kDim + column;
    widen8(*(const uint4 *)((const uint16_t *)p.q.base + (int64_t)token * p.q.stride + own_column), p.q.type, q[g]);
  }

  for (int page = begin; page < end; page++) {
    const uint16_t *keys = (const uint16_t *)p.cache + page_plane(pages[page], 0, kv_head, p.kv_heads, kDim) + (warp_id() * kWarpPositions + own) * kDim + column;
    const uint16_t *values = keys + (int64_t)p.kv_heads * kPagePositions * kDim;
    uint4 k[kLoads], v[kLoads];
#pragma unroll
    for (int i = 0; i < kLoads; i++) k[i] = *(const uint4 *)(keys + i * kAtOnce * kDim);
#pragma unroll
    for (int i = 0; i < kLoads; i++) v[i] = *(const uint4 *)(values + i * kAtOnce * kDim);

    bool valid[kLoads];
    float scores[kGroup][kLoads];
#pragma unroll
    for (int i = 0; i < kLoads; i++) {
      const int position = page * kPagePositions + warp_id() * kWarpPositions + i * kAtOnce + own;
      valid[i] = position >= first && position <= last;
      float key[8];
      widen8(k[i], kF16, key);
#pragma unroll
      for (int g = 0; g < kGroup; g++) {
        float dot = 0;
#pragma unroll
        for (int j = 0; j < 8; j++) dot = fmaf(q[g][j], key[j], dot);
#pragma unroll
        for (int offset = kLanes / 2; offset > 0; offset /= 2) dot += __shfl_xor_sync(kAllLanes, dot, offset);
        dot *= p.scale;
        if (p.soft_cap > 0) dot = p.soft_cap * tanhf(dot / p.soft_cap);
        scores[g][i] = valid[i] ? dot : -INFINITY;
      }
    }
#pragma unroll
    for (int g = 0; g < kGroup; g++) {
      float now = largest[g];
#pragma unroll
      for (int i = 0; i < kLoads; i++) now = fmaxf(now, scores[g][i]);
#pragma unroll
      for (int offset = kLanes; offset < kWarp; offset *= 2) now = fmaxf(now, __shfl_xor_sync(kAllLanes, now, offset));
      const float keep = largest[g] == -INFINITY ? 0.0f : expf(largest[g] - now);
      largest[g] = now;
      total[g] *= keep;
#pragma unroll
      for (int j = 0; j < 8; j++) sums[g][j] *= keep;
      // fmaxf drops what is not a number; the weights, and with them all sums, do not.
#pragma unroll
      for (int i = 0; i < kLoads; i++) {
        scores[g][i] = valid[i] ? expf(scores[g][i] - now) : 0.0f;
        total[g] += scores[g][i];
      }
    }
#pragma unroll
    for (int i = 0; i < kLoads; i++) {
      float value[8];
      widen8(v[i], kF16, value);
#pragma unroll
      for (int j = 0; j < 8; j++) {
        if (!valid[i]) value[j] = 0;  // whoever had the page before may have left no number there
#pragma unroll
        for (int g = 0; g < kGroup; g++) sums[g][j] = fmaf(scores[g][i], value[j], sums[g][j]);
      }
    }
  }

#pragma unroll
  for (int g = 0; g < kGroup; g++) {
#pragma unroll
    for (int offset = kLanes; offset < kWarp; offset *= 2) {
      total[g] += __shfl_xor_sync(kAllLanes, total[g], offset);
#pragma unroll
      for (int j = 0; j < 8; j++) sums[g][j] += __shfl_xor_sync(kAllLanes, sums[g][j], offset);
    }
    if (own == 0) {
#pragma unroll
      for (int j = 0; j < 8; j++) sums_of[warp_id()][g][column + j] = sums[g][j];
    }
    if (lane_id() == 0) {
      largest_of[warp_id()][g] = largest[g];
      total_of[warp_id()][g] = total[g];
    }
  }
  __syncthreads();

  // A share is [kDim] sums, their largest score, the sum of their weights.
  float *const shares = params.shares + ((int64_t)token * p.heads + kv_head * group) * splits * (kDim + 2);
  for (int i = (int)threadIdx.x; i < group * kDim; i += kThreads) {
    const int g = i / kDim, column_of = i % kDim;
    float most = -INFINITY, whole = 0, sum = 0;
#pragma unroll
    for (int w = 0; w < kWarps; w++) most = fmaxf(most, largest_of[w][g]);
#pragma unroll
    for (int w = 0; w < kWarps; w++) {
      const float share = largest_of[w][g] == -INFINITY && total_of[w][g] == 0.0f ? 0.0f : expf(largest_of[w][g] - most);
      whole = fmaf(share, total_of[w][g], whole);
      sum = fmaf(share, sums_of[w][g][column_of], sum);
    }
    if (splits == 1) {
      const int head = kv_head * group + g;
      if (p.sinks) {
        const float top = fmaxf(most, p.sinks[head]), keep = expf(most - top);
        whole = fmaf(whole, keep, expf(p.sinks[head] - top));
        sum *= keep;
      }
      store(p.out, token, head * kDim + column_of, sum / whole);
      continue;
    }
    float *share = shares + (g * splits + (int)blockIdx.x) * (kDim + 2);
    share[column_of] = sum;
    if (column_of == 0) {
      share[kDim] = most;
      share[kDim + 1] = whole;
    }
  }
  if (splits == 1) return;

  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) is_last = atomicAdd(params.arrivals + token * p.kv_heads + kv_head, 1u) == (unsigned)splits - 1;
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  // What each share counts for: a thread a head and split, at most 8 * 16.
  __shared__ float weights_of[kGroup][kMostSplits];
  const int own_head = (int)threadIdx.x / kMostSplits, own_split = (int)threadIdx.x % kMostSplits;
  const bool counts = own_head < group && own_split < splits;
  const float *own_share = shares + (own_head * splits + own_split) * (kDim + 2);
  const float own_top = counts ? __ldcg(own_share + kDim) : -INFINITY, own_total = counts ? __ldcg(own_share + kDim + 1) : 0.0f;
  const float sink = p.sinks && own_head < group ? p.sinks[kv_head * group + own_head] : -INFINITY;
  float most = fmaxf(own_top, sink);
#pragma unroll
  for (int offset = kMostSplits / 2; offset > 0; offset /= 2) most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, offset));
  const float weight = own_top == -INFINITY && own_total == 0.0f ? 0.0f : expf(own_top - most);
  float whole = weight * own_total;
#pragma unroll
  for (int offset = kMostSplits / 2; offset > 0; offset /= 2) whole += __shfl_xor_sync(kAllLanes, whole, offset);
  if (p.sinks) whole += expf(sink - most);
  if (counts) weights_of[own_head][own_split] = weight / whole;
  __syncthreads();
  for (int i = (int)threadIdx.x; i < group * kDim; i += kThreads) {
    const int g = i / kDim, column_of = i % kDim;
    const float *share = shares + g * splits * (kDim + 2) + column_of;
    float sum = 0;
#pragma unroll
    for (int s = 0; s < kMostSplits; s++)
      if (s < splits) sum = fmaf(weights_of[g][s], __ldcg(share + s * (kDim + 2)), sum);
    store(p.out, token, (kv_head * group + g) * kDim + column_of, sum);
  }
  if (threadIdx.x == 0) params.arrivals[token * p.kv_heads + kv_head] = 0;
}

#define FB_ATTENTION(dim, group) \
  FB_KERNEL(kThreads, attention_split_##dim##_##group, AttentionSplitParams) { attend<dim, group>(p); }
#define FB_ATTENTION_GROUPS(dim) FB_ATTENTION(dim, 1) FB_ATTENTION(dim, 2) FB_ATTENTION(dim, 4) FB_ATTENTION(dim, 8)

FB_ATTENTION_GROUPS(64)
FB_ATTENTION_GROUPS(128)
FB_ATTENTION_GROUPS(256)
