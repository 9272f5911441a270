// Attention of few tokens over an f16 cache, split along the context: for decoding, where reading keys and values is all there is to do.
//
// Split    a block has one token, one head of keys with all query heads that share it, and a run of pages, of which its warps take 16
//          positions in turn. Blocks leave their shares in memory, and the last to arrive adds them up.
// Why      keys, then values, are the 16 rows of tensor core products and the query heads their 8 columns, so that 8 heads cost what one
//          does. Both go from memory to the lanes that multiply them, in loads of 16 bytes: inputs of a product may come in any order
//          that both operands share, and so may its rows. What earlier steps have left is fetched before the kernel in front has ended.
// Order    of sums it depends on where the runs begin, and so on how many tokens the step has: not for f32.
// Needs    head_dim 64, 128 or 256, at most 8 query heads for one of keys, 16-bit queries whose rows begin at multiples of 16 bytes. Queries
//          in bf16 must fit f16, as their keys do.
// Grid: (splits, kv_heads, tokens).
#include "kernel.cuh"
#include "mma.cuh"
#include "numbers.cuh"
#include "step.cuh"

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kBlocks = 4;  // of a multiprocessor
constexpr int kMostSplits = 16;
constexpr int kGroup = 8;  // query heads that a product has columns for
constexpr int kKeys = 16;  // of a product
constexpr float kLog2E = 1.44269504f;

template <int kDim>
__device__ inline void attend(const AttentionSplitParams &params) {
  constexpr int kPieces = kDim / 32;  // of a key, 8 numbers a lane
  constexpr int kWides = kDim / 64;   // of a value, 8 numbers a lane
  __shared__ float sums_of[kWarps][kGroup][kDim], largest_of[kWarps][kGroup], total_of[kWarps][kGroup];
  __shared__ bool is_last;

  const AttentionParams &p = params.op;
  const int token = (int)blockIdx.z, kv_head = (int)blockIdx.y, group = p.heads / p.kv_heads;
  if (token >= p.step[kTokens]) return await_previous_kernel();
  const int last = step_ints(p.step, kPositionsAt)[token], first = p.window > 0 ? max(0, last - p.window + 1) : 0;
  const int first_page = first / kPagePositions, page_count = last / kPagePositions - first_page + 1;
  // A page or two are no more work for a block's warps than none; blocks that are left without leave.
  const int run = max((page_count + (int)gridDim.x - 1) / (int)gridDim.x, min(kWarps * kKeys / kPagePositions, page_count));
  const int splits = (page_count + run - 1) / run;
  if ((int)blockIdx.x >= splits) return await_previous_kernel();
  const int begin = first_page + (int)blockIdx.x * run, end = min(begin + run, first_page + page_count);
  const int sequence = sequence_of(p.step, token);
  const int *pages = pages_of(p.step, p.page_kind, sequence);
  const int fresh = step_ints(p.step, kPositionsAt)[step_ints(p.step, kStartsAt)[sequence]];  // from here on this step has written the cache
  const int g = lane_id() / 4, t = lane_id() % 4;

  uint4 k[kPieces][2], v[kWides][4];
  const auto fetch = [&](int start) {
    const uint16_t *keys = (const uint16_t *)p.cache + page_plane(pages[start / kPagePositions], 0, kv_head, p.kv_heads, kDim) + start % kPagePositions * kDim;
    const uint16_t *values = keys + (int64_t)p.kv_heads * kPagePositions * kDim;
#pragma unroll
    for (int i = 0; i < kPieces; i++)
#pragma unroll
      for (int half = 0; half < 2; half++) k[i][half] = *(const uint4 *)(keys + (g + 8 * half) * kDim + 32 * i + 8 * t);
#pragma unroll
    for (int i = 0; i < kWides; i++)
#pragma unroll
      for (int j = 0; j < 4; j++) v[i][j] = *(const uint4 *)(values + (2 * t + j % 2 + j / 2 * 8) * kDim + 64 * i + 8 * g);
  };
  const int last_part = min(last / kKeys, end * (kPagePositions / kKeys) - 1), first_part = begin * (kPagePositions / kKeys) + warp_id();
  const bool is_early = first_part <= last_part && (first_part + 1) * kKeys <= fresh;
  if (is_early) fetch(first_part * kKeys);
  await_previous_kernel();

  // Column g of the queries, 8 numbers of every 32.
  uint32_t queries[kPieces][4];
#pragma unroll
  for (int i = 0; i < kPieces; i++) {
    const int column = (kv_head * group + min(g, group - 1)) * kDim + 32 * i + 8 * t;
    const uint4 eight = *(const uint4 *)((const uint16_t *)p.q.base + (int64_t)token * p.q.stride + column);
    float wide[8];
    widen8(eight, p.q.type, wide);
#pragma unroll
    for (int j = 0; j < 4; j++) queries[i][j] = g < group ? pack2<kF16>(wide[2 * j], wide[2 * j + 1]) : 0;
  }

  // Of the heads 2t and 2t + 1; `largest` is of powers of two.
  float largest[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
  // Product m of 64 values has values 8g + 2m in row g and 8g + 2m + 1 in row g + 8.
  float sums[kWides][4][4] = {};
  for (int part = first_part; part <= last_part; part += kWarps) {
    const int start = part * kKeys;
    if (part != first_part || !is_early) fetch(start);

    float scores[4] = {};  // positions g and g + 8 of heads 2t, 2t + 1
#pragma unroll
    for (int i = 0; i < kPieces; i++) {
      const uint32_t low[4] = {k[i][0].x, k[i][1].x, k[i][0].y, k[i][1].y}, high[4] = {k[i][0].z, k[i][1].z, k[i][0].w, k[i][1].w};
      multiply_add<kF16>(scores, low, queries[i][0], queries[i][1]);
      multiply_add<kF16>(scores, high, queries[i][2], queries[i][3]);
    }
    const bool sees_all = start >= first && start + kKeys - 1 <= last;
#pragma unroll
    for (int r = 0; r < 4; r++) {
      scores[r] *= p.scale;
      if (p.soft_cap > 0) scores[r] = p.soft_cap * tanhf(scores[r] / p.soft_cap);
      scores[r] *= kLog2E;
      const int position = start + g + r / 2 * 8;
      if (!sees_all && (position < first || position > last)) scores[r] = -INFINITY;
    }
    float keep[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float now = fmaxf(largest[h], fmaxf(scores[h], scores[2 + h]));
#pragma unroll
      for (int offset = 4; offset < kWarp; offset *= 2) now = fmaxf(now, __shfl_xor_sync(kAllLanes, now, offset));
      const float base = now == -INFINITY ? 0.0f : now;  // nothing was seen so far
      keep[h] = exp2f(largest[h] - base);
      largest[h] = now;
      // fmaxf drops what is not a number; the weights, and with them all sums, do not.
      scores[h] = exp2f(scores[h] - base);
      scores[2 + h] = exp2f(scores[2 + h] - base);
      total[h] = fmaf(total[h], keep[h], scores[h] + scores[2 + h]);
    }
    const uint32_t b0 = transposed(pack2<kF16>(scores[0], scores[1])), b1 = transposed(pack2<kF16>(scores[2], scores[3]));
#pragma unroll
    for (int i = 0; i < kWides; i++) {
      if (!sees_all) {
        // Whoever had the page before may have left what is no number.
#pragma unroll
        for (int j = 0; j < 4; j++) {
          const int position = start + 2 * t + j % 2 + j / 2 * 8;
          if (position < first || position > last) v[i][j] = uint4{0, 0, 0, 0};
        }
      }
      const uint32_t words[4][4] = {{v[i][0].x, v[i][0].y, v[i][0].z, v[i][0].w},
                                    {v[i][1].x, v[i][1].y, v[i][1].z, v[i][1].w},
                                    {v[i][2].x, v[i][2].y, v[i][2].z, v[i][2].w},
                                    {v[i][3].x, v[i][3].y, v[i][3].z, v[i][3].w}};
#pragma unroll
      for (int m = 0; m < 4; m++) {
        const uint32_t a[4] = {__byte_perm(words[0][m], words[1][m], 0x5410), __byte_perm(words[0][m], words[1][m], 0x7632),
                               __byte_perm(words[2][m], words[3][m], 0x5410), __byte_perm(words[2][m], words[3][m], 0x7632)};
#pragma unroll
        for (int r = 0; r < 4; r++) sums[i][m][r] *= keep[r % 2];
        multiply_add<kF16>(sums[i][m], a, b0, b1);
      }
    }
  }

#pragma unroll
  for (int h = 0; h < 2; h++) {
#pragma unroll
    for (int offset = 4; offset < kWarp; offset *= 2) total[h] += __shfl_xor_sync(kAllLanes, total[h], offset);
    if (g == 0) {
      largest_of[warp_id()][2 * t + h] = largest[h];
      total_of[warp_id()][2 * t + h] = total[h];
    }
#pragma unroll
    for (int i = 0; i < kWides; i++)
#pragma unroll
      for (int m = 0; m < 4; m++)
#pragma unroll
        for (int odd = 0; odd < 2; odd++) sums_of[warp_id()][2 * t + h][64 * i + 8 * g + 2 * m + odd] = sums[i][m][2 * odd + h];
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
      const float share = largest_of[w][g] == -INFINITY && total_of[w][g] == 0.0f ? 0.0f : exp2f(largest_of[w][g] - most);
      whole = fmaf(share, total_of[w][g], whole);
      sum = fmaf(share, sums_of[w][g][column_of], sum);
    }
    if (splits == 1) {
      const int head = kv_head * group + g;
      if (p.sinks) {
        const float sink = p.sinks[head] * kLog2E, top = fmaxf(most, sink), keep = exp2f(most - top);
        whole = fmaf(whole, keep, exp2f(sink - top));
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

  __syncthreads();  // so that the first thread's release is of the whole block's shares
  if (threadIdx.x == 0) is_last = add_in_order(params.arrivals + token * p.kv_heads + kv_head, 1u) == (unsigned)splits - 1;
  __syncthreads();
  if (!is_last) return;
  // What each share counts for: a thread a head and split, at most 8 * 16.
  __shared__ float weights_of[kGroup][kMostSplits];
  const int own_head = (int)threadIdx.x / kMostSplits, own_split = (int)threadIdx.x % kMostSplits;
  const bool counts = own_head < group && own_split < splits;
  const float *own_share = shares + (own_head * splits + own_split) * (kDim + 2);
  const float own_top = counts ? __ldcg(own_share + kDim) : -INFINITY, own_total = counts ? __ldcg(own_share + kDim + 1) : 0.0f;
  const float sink = p.sinks && own_head < group ? p.sinks[kv_head * group + own_head] * kLog2E : -INFINITY;
  float most = fmaxf(own_top, sink);
#pragma unroll
  for (int offset = kMostSplits / 2; offset > 0; offset /= 2) most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, offset));
  const float weight = own_top == -INFINITY && own_total == 0.0f ? 0.0f : exp2f(own_top - most);
  float whole = weight * own_total;
#pragma unroll
  for (int offset = kMostSplits / 2; offset > 0; offset /= 2) whole += __shfl_xor_sync(kAllLanes, whole, offset);
  if (p.sinks) whole += exp2f(sink - most);
  if (counts) weights_of[own_head][own_split] = weight / whole;
  __syncthreads();
  // Two outputs of a thread next to each other; all that they are sums of is asked for before anything is added.
#pragma unroll 2
  for (int i = 2 * (int)threadIdx.x; i < group * kDim; i += 2 * kThreads) {
    const int g = i / kDim, column_of = i % kDim;
    const float *share = shares + g * splits * (kDim + 2) + column_of;
    float2 parts[kMostSplits], sum = {0, 0};
#pragma unroll
    for (int s = 0; s < kMostSplits; s++) parts[s] = s < splits ? __ldcg((const float2 *)(share + s * (kDim + 2))) : float2{0, 0};
#pragma unroll
    for (int s = 0; s < kMostSplits; s++)
      if (s < splits) {
        sum.x = fmaf(weights_of[g][s], parts[s].x, sum.x);
        sum.y = fmaf(weights_of[g][s], parts[s].y, sum.y);
      }
    const int to = (kv_head * group + g) * kDim + column_of;
    store(p.out, token, to, sum.x);
    store(p.out, token, to + 1, sum.y);
  }
  if (threadIdx.x == 0) params.arrivals[token * p.kv_heads + kv_head] = 0;
}

#define FB_ATTENTION(dim) \
  FB_EARLY_KERNEL(kThreads, kBlocks, attention_split_##dim, AttentionSplitParams) { attend<dim>(p); }

FB_ATTENTION(64)
FB_ATTENTION(128)
FB_ATTENTION(256)
