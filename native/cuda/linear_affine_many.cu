// Linears of more than 16 rows on Hopper, bound by its tensor cores.
//
// y^T = W x^T: outputs are the 64 rows of wgmma, whose weights come from registers, dequantized there; input rows are its columns and come
// from shared memory. A block is a producer warp, which copies records and boxes of input into a ring of stages of 128 inputs, and two
// warpgroups of consumers, each with 64 or 128 outputs for all rows of the tile. While the tensor cores work through one step of 16
// inputs, the consumers dequantize the next: some 15 instructions for each 64 outputs, against 32 clocks of tensor core for every
// 64 rows, shared by two warpgroups.
//
// A tile of 256 outputs and 128 rows reads 128 * 2 + 256 / 2 bytes for each of its k, a third less than one of 128 outputs and 256 rows: 4-bit
// weights are the cheaper side.
//
// The grid is fixed. Whole rounds of tiles go to the blocks in turn; the tiles of the last, partial round are divided along k so that all
// blocks end together. The block that has the beginning of such a tile finishes it: it began last, so that the others' sums are there.
#include "affine_fragment.cuh"
#include "hopper.cuh"
#include "linear_epilogue.cuh"
#include "wgmma.cuh"

namespace affine {

constexpr int kManyThreads = 384;      // three warpgroups, of which the first produces
constexpr int kConsumerThreads = 256;
constexpr int kConsumersBarrier = 1;   // of warps_sync
constexpr int kRoundRows = 2048;      // rows whose input stays in the cache while the weights pass by
constexpr int kLeastShare = 4;        // records of a tile that are worth a block of their own

// Which part of which tile: records [first, end) of all its `records`.
struct Share {
  int tile, first, end;
};

// The shares of a block, one after the other; every role of the block walks through them by itself.
struct Shares {
  const int records, block;
  int whole;        // tiles that are not divided
  int64_t units;    // records of the divided tiles
  int64_t dividers; // blocks that have some
  int next_tile;
  int64_t at, end;

  __device__ Shares(int tile_count, int record_count) : records(record_count), block(blockIdx.x) {
    whole = tile_count / (int)gridDim.x * (int)gridDim.x;
    units = (int64_t)(tile_count - whole) * records;
    dividers = min((int64_t)gridDim.x, max(units / kLeastShare, (int64_t)(tile_count - whole)));
    next_tile = block;
    at = block < dividers ? start_of(block) : units;
    end = block < dividers ? start_of(block + 1) : units;
  }
  __device__ int64_t start_of(int64_t divider) const { return units * divider / dividers; }

  __device__ bool next(Share *share) {
    if (next_tile < whole) {
      *share = {next_tile, 0, records};
      next_tile += gridDim.x;
      return true;
    }
    if (at >= end) return false;
    const int tile = (int)(at / records), first = (int)(at % records);
    *share = {whole + tile, first, (int)min((int64_t)records, first + end - at)};
    at += share->end - first;
    return true;
  }

  // The block behind this one that has the next part of a divided tile; those up to the tile's end follow one another.
  __device__ bool also_has(int other, int tile) const { return other < dividers && start_of(other) < (int64_t)(tile - whole + 1) * records; }
};

// Tiles in an order that keeps what is read at the same time in the cache: within so many rows, rows first.
struct TileGrid {
  int across, down, round;  // tiles of outputs, of rows, of rows in a round

  __device__ TileGrid(int outputs_tiles, int rows, int tile_rows) : across(outputs_tiles), down((rows + tile_rows - 1) / tile_rows), round(kRoundRows / tile_rows) {}
  __device__ int count() const { return across * down; }
  __device__ void locate(int tile, int *output_tile, int *row_tile) const {
    const int first = tile / (round * across) * round, height = min(round, down - first), within = tile - first * across;
    *output_tile = within / height;
    *row_tile = first + within % height;
  }
};

struct ManyShared {
  uint32_t stage, weights;  // bytes of a stage, where its records begin
  __device__ ManyShared(int rows, int tiles, int record) : stage(rows * 256 + (tiles * record + 1023) / 1024 * 1024), weights(rows * 256) {}
};

// A ring of stages: which is next, and the parity of its phase.
struct Ring {
  int slots, slot = 0, phase = 0;
  uint32_t full, empty;  // addresses of barriers
  __device__ void advance() {
    if (++slot == slots) slot = 0, phase ^= 1;
  }
};

// Scales of a lane's outputs, twice each.
template <typename Number>
__device__ inline uint32_t scale_pair(uint32_t bits, int type) {
  if (type == Number::kType) return bits * 0x00010001u;
  const float scale = type == kF16 ? Half::to_float(bits) : Brain::to_float(bits);
  return Number::pack(scale, scale);
}

// What the two warpgroups of consumers share with a tile's other blocks: this block's sums, or those of block `from`.
template <int kHalves, int kRows>
__device__ inline float4 *slot_of(const AffineLinearManyParams &p, int from) {
  return (float4 *)(p.sums + (int64_t)from * 128 * kHalves * kRows) + threadIdx.x - 128;
}

template <int kHalves, int kRows>
__device__ void give_sums(const AffineLinearManyParams &p, const float (&sums)[kHalves][kRows / 2]) {
  float4 *to = slot_of<kHalves, kRows>(p, blockIdx.x);
#pragma unroll
  for (int h = 0; h < kHalves; h++)
#pragma unroll
    for (int i = 0; i < kRows / 8; i++)
      __stcg(to + (h * (kRows / 8) + i) * kConsumerThreads, make_float4(sums[h][4 * i], sums[h][4 * i + 1], sums[h][4 * i + 2], sums[h][4 * i + 3]));
  __threadfence();
  hopper::warps_sync(kConsumersBarrier, kConsumerThreads);
  if (threadIdx.x == 128) asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(p.flags + blockIdx.x), "r"(1) : "memory");
}

template <int kHalves, int kRows>
__device__ void take_sums(const AffineLinearManyParams &p, int from, float (&sums)[kHalves][kRows / 2]) {
  if (threadIdx.x == 128) {
    uint32_t given = 0;
    while (!given) asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(given) : "l"(p.flags + from) : "memory");
    p.flags[from] = 0;
  }
  hopper::warps_sync(kConsumersBarrier, kConsumerThreads);
  const float4 *given = slot_of<kHalves, kRows>(p, from);
#pragma unroll
  for (int h = 0; h < kHalves; h++)
#pragma unroll
    for (int i = 0; i < kRows / 8; i++) {
      const float4 v = __ldcg(given + (h * (kRows / 8) + i) * kConsumerThreads);
      sums[h][4 * i] += v.x, sums[h][4 * i + 1] += v.y, sums[h][4 * i + 2] += v.z, sums[h][4 * i + 3] += v.w;
    }
}

constexpr int kScratchBytes = 1536;  // of a warp, where sixteen rows at a time are turned over

// Stores a warp's tile of 16 outputs for all rows. They are rounded and turned over by stmatrix, so that a lane has 8 outputs of a row; a
// residual is added to what has been rounded, as if it were an op of its own.
template <typename Number, int kRows>
__device__ void store_plain_tile(const AffineLinearParams &p, int tile, int first_row, int rows, const float (&sums)[kRows / 2], uint8_t *scratch) {
  constexpr int kRowBytes = 48, kBufferBytes = 16 * kRowBytes;  // 32 bytes of outputs; so padded, eight rows lie in different banks
  const int lane = threadIdx.x % 32, part = lane % 2, column = tile * kTileOutputs + 8 * part;
  if (tile * kTileOutputs >= p.outputs) return;
  const LaneOutputs outputs(p, tile, lane / 4);
  // Matrices 0 to 3 of lane / 8: outputs 0-7 and 8-15 of the first eight rows, then of the others.
  const uint32_t to = hopper::shared_address(scratch) + (lane % 8 + lane / 16 * 8) * kRowBytes + lane / 8 % 2 * 16;
#pragma unroll
  for (int i = 0; i < kRows / 16; i++) {
    if (first_row + 16 * i >= rows) break;
    uint32_t turned[4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const float *pair = sums + 8 * i + 2 * j;
      turned[j] = Number::pack(p.scale * (pair[0] + outputs.bias[j % 2]), p.scale * (pair[1] + outputs.bias[j % 2]));
    }
    __syncwarp();
    hopper::store_matrices_transposed(to + i % 2 * kBufferBytes, turned[0], turned[1], turned[2], turned[3]);
    __syncwarp();
    const int row = first_row + 16 * i + lane / 2;
    if (row >= rows || column >= p.outputs) continue;
    uint4 values = *(const uint4 *)(scratch + i % 2 * kBufferBytes + lane / 2 * kRowBytes + part * 16);
    if (p.residual.base) {
      const uint4 more = *(const uint4 *)((const uint16_t *)p.residual.base + (int64_t)row * p.residual.stride + column);
      values = {Number::add(values.x, more.x), Number::add(values.y, more.y), Number::add(values.z, more.z), Number::add(values.w, more.w)};
    }
    *(uint4 *)((uint16_t *)p.out.base + (int64_t)row * p.out.stride + column) = values;
  }
}

// The same with a gate: eight outputs from eight gates and what they gate, turned over in f32; a lane then has four of a row.
template <typename Number, int kRows>
__device__ void store_gated_tile(const AffineLinearParams &p, int tile, int first_row, int rows, const float (&sums)[kRows / 2], float *scratch) {
  constexpr int kRow = 20;  // floats: 16 outputs, and 4 that keep rows in different banks
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4, first = 4 * (lane % 2), column = tile * 8 + first;
  if (tile * 8 >= p.outputs / 2) return;
  float bias[8] = {};
  if (p.bias) {
#pragma unroll
    for (int i = 0; i < 4; i++) bias[i] = p.bias[column + i], bias[4 + i] = p.bias[p.outputs / 2 + column + i];
  }
#pragma unroll 1
  for (int i = 0; i < kRows / 16; i++) {  // once in code: gates are long
    if (first_row + 16 * i >= rows) break;
    __syncwarp();
#pragma unroll
    for (int c = 0; c < kRows / 16; c++) {  // registers have constant indices
      if (c != i) continue;
#pragma unroll
      for (int j = 0; j < 8; j++) scratch[(j / 4 * 8 + 2 * t + j % 2) * kRow + g + j % 4 / 2 * 8] = sums[8 * c + j];
    }
    __syncwarp();
    const int row = first_row + 16 * i + lane / 2;
    if (row >= rows) continue;
    const float4 gates = *(const float4 *)(scratch + lane / 2 * kRow + first), ups = *(const float4 *)(scratch + lane / 2 * kRow + 8 + first);
    float gate[4] = {gates.x, gates.y, gates.z, gates.w}, up[4] = {ups.x, ups.y, ups.z, ups.w};
    const uint16_t *residual = p.residual.base ? (const uint16_t *)p.residual.base + (int64_t)row * p.residual.stride + column : nullptr;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      gate[j] = gated(p.glu, p.glu_limit, p.scale * (gate[j] + bias[j]), p.scale * (up[j] + bias[4 + j]));
      if (residual) gate[j] += Number::to_float(residual[j]);
    }
    *(uint2 *)((uint16_t *)p.out.base + (int64_t)row * p.out.stride + column) = {Number::pack(gate[0], gate[1]), Number::pack(gate[2], gate[3])};
  }
}

template <int kBits, typename Number, int kHalves, int kRows>
__device__ void produce(const AffineLinearManyParams &params, const TileGrid &grid, Shares shares, Ring ring, uint32_t stages, int tile_count, int record_count) {
  constexpr int kTiles = 8 * kHalves;
  const AffineLinearParams &p = params.linear;
  const int lane = threadIdx.x % 32, record = record_bytes(kBits, p.span, p.has_zeros);
  const ManyShared layout(kRows, kTiles, record);

  const auto weights = [&](int slot, int output_tile, int r) {
    if (lane == 0) hopper::barrier_expect(ring.full + 8 * slot, kRows * 256 + kTiles * record);
    __syncwarp();
    if (lane < kTiles) {
      const int tile = min(output_tile * kTiles + lane, tile_count - 1);
      hopper::bulk_copy(stages + slot * layout.stage + layout.weights + lane * record, p.weight + ((int64_t)tile * record_count + r) * record, record,
                        ring.full + 8 * slot);
    }
  };
  const auto input = [&](int slot, int row_tile, int r) {
    if (lane < 2)
      hopper::tensor_copy(stages + slot * layout.stage + lane * kRows * 128, params.input_map, r * kRecordInputs + lane * 64, row_tile * kRows, ring.full + 8 * slot);
  };

  // Weights of the first stages are constants: they need not wait for the kernel before.
  Shares ahead = shares;
  Share share;
  int early = 0;
  if (ahead.next(&share)) {
    int output_tile, row_tile;
    grid.locate(share.tile, &output_tile, &row_tile);
    for (int r = share.first; r < share.end && early < ring.slots; r++) weights(early++, output_tile, r);
  }
  hopper::wait_for_previous();
  while (shares.next(&share)) {
    int output_tile, row_tile;
    grid.locate(share.tile, &output_tile, &row_tile);
    for (int r = share.first; r < share.end; r++) {
      if (early > 0) {
        early--;
      } else {
        hopper::barrier_wait(ring.empty + 8 * ring.slot, ring.phase ^ 1);
        weights(ring.slot, output_tile, r);
      }
      input(ring.slot, row_tile, r);
      ring.advance();
    }
  }
}

template <int kBits, typename Number, int kHalves, int kRows>
__device__ void consume(const AffineLinearManyParams &params, const TileGrid &grid, Shares shares, Ring ring, uint8_t *first_stage, uint32_t stages, int rows) {
  constexpr int kTiles = 8 * kHalves;
  const AffineLinearParams &p = params.linear;
  const int lane = threadIdx.x % 32, g = lane / 4, own_warp = __shfl_sync(~0u, threadIdx.x / 32, 0) - 4, warp = own_warp % 4, warpgroup = own_warp / 4;
  const int record = record_bytes(kBits, p.span, p.has_zeros), shift = 31 - __clz(p.span), zeros_at = zero_offset(kBits, p.span, 0, g);
  const ManyShared layout(kRows, kTiles, record);
  uint8_t *const scratch = first_stage + ring.slots * layout.stage + own_warp * kScratchBytes;
  const uint8_t *const own_records = first_stage + layout.weights + (warpgroup * 4 * kHalves + warp) * record;

  Fragments<kBits, Number> codes[kHalves];
  uint32_t scales[kHalves][2];
  uint32_t read_scales[kHalves][2], read_zeros[kHalves][2];  // as the record has them: nothing waits for them before their span begins
#pragma unroll
  for (int h = 0; h < kHalves; h++) codes[h].set_zero(0, 1 << (kBits - 1)), codes[h].set_zero(1, 1 << (kBits - 1));

  const auto read_span = [&](const uint8_t *records, int span) {
#pragma unroll
    for (int h = 0; h < kHalves; h++) {
      const uint8_t *own = records + 4 * h * record;
      const uint16_t *scale = (const uint16_t *)(own + scale_offset(kBits, span, g));
      read_scales[h][0] = scale[0], read_scales[h][1] = scale[8];
      if (p.has_zeros) read_zeros[h][0] = own[zeros_at + kTileOutputs * span], read_zeros[h][1] = own[zeros_at + kTileOutputs * span + 8];
    }
  };
  const auto begin_span = [&]() {
#pragma unroll
    for (int h = 0; h < kHalves; h++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        scales[h][i] = scale_pair<Number>(read_scales[h][i], p.scale_type);
        if (p.has_zeros) codes[h].set_zero(i, read_zeros[h][i]);
      }
  };
  const auto read_record = [&]() {  // of the ring's next stage
    hopper::barrier_wait(ring.full + 8 * ring.slot, ring.phase);
    const uint8_t *records = own_records + ring.slot * layout.stage;
#pragma unroll
    for (int h = 0; h < kHalves; h++) codes[h].load(records + 4 * h * record, lane);
    read_span(records, 0);
  };

  hopper::wait_for_previous();
  Share share;
  while (shares.next(&share)) {
    float sums[kHalves][kRows / 2];
    int held = -1;  // the stage whose products may still be under way
    read_record();
    for (int r = share.first; r < share.end; r++) {
      const int slot = ring.slot;
      ring.advance();
      const uint64_t input = wgmma::rows_at(stages + slot * layout.stage);
      uint32_t weights[2][kHalves][4];
#pragma unroll
      for (int step = 0; step < kSteps; step++) {
        const int span = 16 * step >> shift;
        if (step == 0) {
          begin_span();
        } else if (step % 2 == 0 && 16 * step == span << shift) {
          read_span(own_records + slot * layout.stage, span);
          begin_span();
        }
#pragma unroll
        for (int h = 0; h < kHalves; h++) {
          uint32_t(&w)[4] = weights[step % 2][h];
          codes[h].operand(step, w);
#pragma unroll
          for (int i = 0; i < 4; i++) w[i] = Number::multiply(w[i], scales[h][i % 2]);
        }
        wgmma::fence();
#pragma unroll
        for (int h = 0; h < kHalves; h++)
          wgmma::multiply(Number{}, sums[h], weights[step % 2][h], input + step / 4 * (kRows * 8) + step % 4 * 2, step > 0 || r > share.first);
        wgmma::commit();
        if (step == kSteps - 1 && r + 1 < share.end) read_record();  // while the products go on
        wgmma::wait<1>();  // the products of the step before are done: its registers and, after step 0, the stage before are free
        if (step == 0 && held >= 0 && lane == 0) hopper::barrier_arrive(ring.empty + 8 * held);
      }
      held = slot;
    }
    wgmma::wait<0>();
    if (lane == 0) hopper::barrier_arrive(ring.empty + 8 * held);

    if (share.first > 0) {
      give_sums<kHalves, kRows>(params, sums);
      continue;
    }
    if (share.end < shares.records)
      for (int other = blockIdx.x + 1; shares.also_has(other, share.tile); other++) take_sums<kHalves, kRows>(params, other, sums);
    int output_tile, row_tile;
    grid.locate(share.tile, &output_tile, &row_tile);
#pragma unroll
    for (int h = 0; h < kHalves; h++) {
      const int tile = output_tile * kTiles + warpgroup * 4 * kHalves + 4 * h + warp;
      if (p.glu == kNone) store_plain_tile<Number, kRows>(p, tile, row_tile * kRows, rows, sums[h], scratch);
      else store_gated_tile<Number, kRows>(p, tile, row_tile * kRows, rows, sums[h], (float *)scratch);
    }
  }
}

template <int kBits, typename Number, int kHalves, int kRows>
__device__ void many_rows(const AffineLinearManyParams &params) {
  extern __shared__ __align__(1024) uint8_t shared[];
  const AffineLinearParams &p = params.linear;
  const int rows = min(p.step[p.rows_at], p.max_rows), tile_count = tiles(p.outputs), record_count = records(p.inputs);
  if (rows <= 0) {
    hopper::wait_for_previous();  // or the kernel behind would not wait for it either
    return;
  }
  const TileGrid grid((tile_count + 8 * kHalves - 1) / (8 * kHalves), rows, kRows);
  Shares shares(grid.count(), record_count);

  // Barriers first, then stages at a multiple of 1024, as the swizzle wants.
  const uint32_t base = hopper::shared_address(shared), stages = (base + 16 * p.slots + 1023) / 1024 * 1024;
  const Ring ring{p.slots, 0, 0, base, base + 8 * p.slots};
  if (threadIdx.x == 0) {
    for (int slot = 0; slot < p.slots; slot++) {
      hopper::barrier_init(ring.full + 8 * slot, 1);
      hopper::barrier_init(ring.empty + 8 * slot, kConsumerThreads / 32);
    }
    hopper::barriers_ready();
  }
  __syncthreads();
  hopper::let_next_start();
  if (threadIdx.x < 128) {
    hopper::give_registers<40>();
    if (threadIdx.x < 32) produce<kBits, Number, kHalves, kRows>(params, grid, shares, ring, stages, tile_count, record_count);
  } else {
    hopper::take_registers<232>();
    consume<kBits, Number, kHalves, kRows>(params, grid, shares, ring, shared + (stages - base), stages, rows);
  }
}

}  // namespace affine

// By outputs and rows of a tile.
#define FB_MANY(outputs, rows, name, Number, bits)                                                                             \
  extern "C" __global__ void __launch_bounds__(affine::kManyThreads, 1)                                                        \
      linear_affine_many##outputs##x##rows##_##name##_##bits(const __grid_constant__ AffineLinearManyParams p) {               \
    affine::many_rows<bits, Number, outputs / 128, rows>(p);                                                                   \
  }
#define FB_MANY_BITS(outputs, rows, name, Number)                                                    \
  FB_MANY(outputs, rows, name, Number, 2) FB_MANY(outputs, rows, name, Number, 3)                    \
  FB_MANY(outputs, rows, name, Number, 4) FB_MANY(outputs, rows, name, Number, 8)
#define FB_MANY_NUMBERS(outputs, rows) FB_MANY_BITS(outputs, rows, f16, Half) FB_MANY_BITS(outputs, rows, bf16, Brain)

FB_MANY_NUMBERS(128, 32)
FB_MANY_NUMBERS(128, 64)
FB_MANY_NUMBERS(128, 128)
FB_MANY_NUMBERS(256, 128)
