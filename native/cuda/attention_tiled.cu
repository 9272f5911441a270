// Attention of many tokens over an f16 cache, by tensor cores: for prompts.
//
// Split    a block has up to 64 rows of one sequence, each a query head of a token: all heads that share a head of keys, of as many tokens in
//          a row as fit. A warp has 16 rows. Keys and values come in tiles of 64 (32 where heads are wide), the next one while this one is
//          multiplied.
// Order    tiles of keys are counted from the sequence's beginning, and keys that a row does not see weigh nothing, to the bit: sums do not
//          depend on how a prompt was cut into steps. A running maximum (online softmax, in powers of two); weights are rounded to
//          f16 where they meet the values.
// Needs    a head_dim that is compiled below, at most 64 query heads for one of keys, 16-bit queries whose rows begin at multiples of 16 bytes,
//          16-bit outputs that begin at multiples of 4. Queries in bf16 must fit f16, as their keys do.
// Shared   [2 stages][keys, values][kKeys][head_dim], then with heads of 128 and more [64][head_dim] queries, all swizzled.
// Grid: (tiles, kv_heads), as many tiles as there may be: ceil(tokens / (64 / group)) for every sequence. The last tiles see most keys and begin first.
#include "kernel.cuh"
#include "mma.cuh"
#include "numbers.cuh"
#include "step.cuh"

constexpr int kThreads = 128;
constexpr int kRows = 16 * (kThreads / kWarp);
constexpr float kLog2E = 1.44269504f;

// Tokens of one sequence that are a block's; tiles are numbered through all sequences, each of which begins a new one.
struct TokenTile {
  int sequence, first, count;  // count 0: there is no such tile
};

__device__ inline TokenTile token_tile(const int32_t *step, int tile, int size) {
  const int32_t *starts = step_ints(step, kStartsAt);
  const int sequences = step[kSequences];
  int before = 0;
  for (int base = 0; base < sequences; base += kWarp) {
    const int sequence = base + lane_id();
    const int tiles = sequence < sequences ? (starts[sequence + 1] - starts[sequence] + size - 1) / size : 0;
    int through = tiles;
#pragma unroll
    for (int offset = 1; offset < kWarp; offset *= 2) {
      const int other = __shfl_up_sync(kAllLanes, through, offset);
      if (lane_id() >= offset) through += other;
    }
    const unsigned behind = __ballot_sync(kAllLanes, before + through > tile);
    if (behind != 0) {
      const int lane = __ffs((int)behind) - 1;
      const int own = tile - before - __shfl_sync(kAllLanes, through - tiles, lane);
      const int first = starts[base + lane] + own * size;
      return {base + lane, first, min(size, starts[base + lane + 1] - first)};
    }
    before += __shfl_sync(kAllLanes, through, kWarp - 1);
  }
  return {0, 0, 0};
}

__device__ inline uint32_t load2(const View &view, int row, int column) {
  const uint32_t pair = *(const uint32_t *)((const uint16_t *)view.base + (int64_t)row * view.stride + column);
  return view.type == kF16 ? pair : pack2<kF16>(bfloat_to_float((uint16_t)pair), bfloat_to_float((uint16_t)(pair >> 16)));
}

__device__ inline void store2(const View &view, int row, int column, float low, float high) {
  uint32_t *to = (uint32_t *)((uint16_t *)view.base + (int64_t)row * view.stride + column);
  *to = view.type == kF16 ? pack2<kF16>(low, high) : pack2<kBF16>(low, high);
}

template <int kDim>
__device__ inline void attend(const AttentionParams &p) {
  constexpr int kKeys = kDim <= 128 ? 64 : 32;
  constexpr int kChunks = kDim / 8;
  constexpr int kSteps = kDim / 16;
  constexpr bool kHoldsQueries = kDim <= 96;  // in registers
  constexpr int kPlane = kKeys * kDim;
  FB_DYNAMIC_SHARED(uint16_t, shared);
  uint16_t *const query_tile = shared + 4 * kPlane + warp_id() * 16 * kDim;

  const int group = p.heads / p.kv_heads, kv_head = (int)blockIdx.y;
  const TokenTile tile = token_tile(p.step, (int)(gridDim.x - 1 - blockIdx.x), kRows / group);
  if (tile.count == 0) return;
  const int begin = step_ints(p.step, kPositionsAt)[tile.first], last = begin + tile.count - 1;
  const int first = p.window > 0 ? max(0, begin - p.window + 1) : 0;
  const int *pages = pages_of(p.step, p.page_kind, tile.sequence);

  const auto fetch = [&](int key_tile, int stage) {
#pragma unroll
    for (int part = 0; part < kKeys / kPagePositions; part++) {
      const int start = key_tile * kKeys + part * kPagePositions;
      const bool has_page = start <= last && start + kPagePositions > first;
      const uint16_t *page = (const uint16_t *)p.cache;
      if (has_page) page += page_plane(pages[start / kPagePositions], 0, kv_head, p.kv_heads, kDim);
      for (int plane = 0; plane < 2; plane++) {
        const uint16_t *from = page + (has_page ? (int64_t)plane * p.kv_heads * kPagePositions * kDim : 0);
        uint16_t *to = shared + (2 * stage + plane) * kPlane;
        for (int i = (int)threadIdx.x; i < kPagePositions * kChunks; i += kThreads) {
          const int key = i / kChunks, chunk = i % kChunks;
          // Whoever had the page before may have left what is no number.
          const bool is_seen = has_page && start + key >= first && start + key <= last;
          begin_copy16(to + swizzled<kChunks>(part * kPagePositions + key, chunk), from + (is_seen ? i * 8 : 0), is_seen);
        }
      }
    }
    end_copies();
  };
  const int first_tile = first / kKeys, last_tile = last / kKeys;
  fetch(first_tile, 0);

  // Of this lane's two rows.
  const int g = lane_id() / 4, t = lane_id() % 4;
  int token[2], head[2], position[2];
  bool is_own[2];
#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int row = warp_id() * 16 + g + 8 * i, own = row / group;
    is_own[i] = own < tile.count;
    token[i] = tile.first + (is_own[i] ? own : 0);
    head[i] = kv_head * group + row % group;
    position[i] = begin + (is_own[i] ? own : 0);
  }
  const bool has_rows = warp_id() * 16 / group < tile.count;

  uint32_t queries[kHoldsQueries ? kSteps : 1][4];
#pragma unroll
  for (int s = 0; s < kSteps; s++)
#pragma unroll
    for (int r = 0; r < 4; r++) {
      const int i = r % 2, column = 16 * s + 8 * (r / 2) + 2 * t;
      const uint32_t pair = is_own[i] ? load2(p.q, token[i], head[i] * kDim + column) : 0;
      if constexpr (kHoldsQueries) queries[s][r] = pair;
      else *(uint32_t *)(query_tile + swizzled<kChunks>(g + 8 * i, column / 8) + column % 8) = pair;
    }

  float sums[kDim / 8][4] = {}, largest[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
  for (int key_tile = first_tile; key_tile <= last_tile; key_tile++) {
    const int stage = (key_tile - first_tile) % 2;
    if (key_tile < last_tile) fetch(key_tile + 1, 1 - stage);
    else end_copies();
    await_copies<1>();
    __syncthreads();
    if (has_rows) {
      const uint16_t *keys = shared + 2 * stage * kPlane, *values = keys + kPlane;
      float scores[kKeys / 8][4] = {};
#pragma unroll
      for (int s = 0; s < kSteps; s++) {
        if constexpr (!kHoldsQueries) load_matrices(queries[0], query_tile + swizzled<kChunks>(lane_id() % 16, 2 * s + lane_id() / 16));
#pragma unroll
        for (int j = 0; j < kKeys / 16; j++) {
          uint32_t b[4];
          load_matrices(b, keys + swizzled<kChunks>(16 * j + lane_id() / 16 * 8 + lane_id() % 8, 2 * s + lane_id() / 8 % 2));
          multiply_add<kF16>(scores[2 * j], queries[kHoldsQueries ? s : 0], b[0], b[1]);
          multiply_add<kF16>(scores[2 * j + 1], queries[kHoldsQueries ? s : 0], b[2], b[3]);
        }
      }

      const int tile_begin = key_tile * kKeys;
      const bool sees_all = tile_begin + kKeys - 1 <= begin && (p.window <= 0 || tile_begin > last - p.window);
      // Scores in powers of two; what is rare is asked for once a tile.
      const float scale = p.soft_cap > 0 ? p.scale / p.soft_cap : p.scale * kLog2E;
#pragma unroll
      for (int j = 0; j < kKeys / 8; j++)
#pragma unroll
        for (int r = 0; r < 4; r++) scores[j][r] *= scale;
      if (p.soft_cap > 0) {
#pragma unroll
        for (int j = 0; j < kKeys / 8; j++)
#pragma unroll
          for (int r = 0; r < 4; r++) scores[j][r] = p.soft_cap * kLog2E * tanhf(scores[j][r]);
      }
      if (!sees_all) {
#pragma unroll
        for (int j = 0; j < kKeys / 8; j++)
#pragma unroll
          for (int r = 0; r < 4; r++) {
            const int behind = position[r / 2] - (tile_begin + 8 * j + 2 * t + r % 2);
            if (behind < 0 || (p.window > 0 && behind >= p.window)) scores[j][r] = -INFINITY;
          }
      }
      float now[2] = {largest[0], largest[1]}, base[2], keep[2];
#pragma unroll
      for (int j = 0; j < kKeys / 8; j++)
#pragma unroll
        for (int r = 0; r < 4; r++) now[r / 2] = fmaxf(now[r / 2], scores[j][r]);
#pragma unroll
      for (int i = 0; i < 2; i++) {
        now[i] = fmaxf(now[i], __shfl_xor_sync(kAllLanes, now[i], 1));
        now[i] = fmaxf(now[i], __shfl_xor_sync(kAllLanes, now[i], 2));
        base[i] = now[i] == -INFINITY ? 0.0f : now[i];  // nothing was seen so far
        keep[i] = exp2f(largest[i] - base[i]);
        largest[i] = now[i];
        total[i] *= keep[i];
      }
      // fmaxf drops what is not a number; the weights, and with them all sums, do not.
#pragma unroll
      for (int j = 0; j < kKeys / 8; j++)
#pragma unroll
        for (int r = 0; r < 4; r++) {
          scores[j][r] = exp2f(scores[j][r] - base[r / 2]);
          total[r / 2] += scores[j][r];
        }
#pragma unroll
      for (int d = 0; d < kDim / 8; d++)
#pragma unroll
        for (int r = 0; r < 4; r++) sums[d][r] *= keep[r / 2];
#pragma unroll
      for (int j = 0; j < kKeys / 16; j++) {
        const float(&low)[4] = scores[2 * j], (&high)[4] = scores[2 * j + 1];
        const uint32_t a[4] = {pack2<kF16>(low[0], low[1]), pack2<kF16>(low[2], low[3]), pack2<kF16>(high[0], high[1]), pack2<kF16>(high[2], high[3])};
#pragma unroll
        for (int d = 0; d < kDim / 16; d++) {
          uint32_t b[4];
          load_matrices_transposed(b, values + swizzled<kChunks>(16 * j + lane_id() % 16, 2 * d + lane_id() / 16));
          multiply_add<kF16>(sums[2 * d], a, b[0], b[1]);
          multiply_add<kF16>(sums[2 * d + 1], a, b[2], b[3]);
        }
      }
    }
    __syncthreads();
  }

#pragma unroll
  for (int i = 0; i < 2; i++) {
    total[i] += __shfl_xor_sync(kAllLanes, total[i], 1);
    total[i] += __shfl_xor_sync(kAllLanes, total[i], 2);
    if (!is_own[i]) continue;
    float share = 1;
    if (p.sinks) {
      const float sink = p.sinks[head[i]] * kLog2E, top = fmaxf(largest[i], sink);
      share = exp2f(largest[i] - top);
      total[i] = fmaf(total[i], share, exp2f(sink - top));
    }
    share /= total[i];
#pragma unroll
    for (int d = 0; d < kDim / 8; d++) store2(p.out, token[i], head[i] * kDim + 8 * d + 2 * t, sums[d][2 * i] * share, sums[d][2 * i + 1] * share);
  }
}

#define FB_ATTENTION(dim) \
  FB_KERNEL(kThreads, attention_tiled_##dim, AttentionParams) { attend<dim>(p); }

FB_ATTENTION(16)
FB_ATTENTION(32)
FB_ATTENTION(64)
FB_ATTENTION(80)
FB_ATTENTION(96)
FB_ATTENTION(128)
FB_ATTENTION(256)
