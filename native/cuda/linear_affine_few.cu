// Linears of up to 32 rows, bound by reading the weights once.
//
// Weights are the 16-row operand of mma.m16n8k16 and activations its 8 columns, so that 1 to 8 rows cost the same. A block has whole
// tiles of 16 outputs, which a producer warp streams through one ring of bulk copies; consumer warps take the records of a copy in
// turn and meet in shared memory once for every few tiles. The first copies start before the wait for the kernel before: weights do not
// depend on it. With 8 rows two blocks fit on a multiprocessor, so that a kernel fills its ring while the one before still works.
//
// What bounds it next are issue slots: at 4 bits a multiprocessor has 27 clocks for every 16 x 16 weights. So codes go into the product
// as they are, 1024 + c, 5 instructions for 8 of them; the sums begin at what that is too much, (1024 + zero) times the sum of a span's
// inputs, which is computed once for all tiles. In f16 that costs up to 8 of the 24 bits of the f32 sums, and leaves 5 more than the
// result has. Scales multiply the sums of a span, not the weights. A row's sum does not depend on the other rows.
#include "affine_fragment.cuh"
#include "hopper.cuh"
#include "linear_epilogue.cuh"

namespace affine {

// Consumer warps, by eights of rows. 8 rows: two blocks of these fit on a multiprocessor.
FB_BOTH constexpr int few_warps(int eights) { return eights == 2 ? 16 : 8; }

constexpr int kFewBarrier = 1;  // of the consumers

// Tiles that are summed at once, 4 registers for each of their eights of rows. With more, warps would only meet less often.
constexpr int kTilesAtOnce = 3;

// Records of a copy for each warp. With 8 rows the products of two are computed side by side, to hide each other's latencies.
FB_BOTH constexpr int warp_records(int eights) { return eights == 1 ? 2 : 1; }

// Shared memory of a block: input [warp][stage][row][records of a copy], its sums [warp][stage][record][span][eight][8] of f32, weights
// [slot], sums [warp][tile][eight][lane][4], barriers [slot] full, [slot] empty.
struct FewShared {
  uint32_t input_stage, slot;                    // bytes
  uint32_t input_sums, weights, sums, barriers;  // offsets

  __device__ FewShared(const AffineLinearParams &p, int record, int eights, int span_count) {
    const int warps = few_warps(eights);
    input_stage = p.max_rows * warp_records(eights) * kRecordInputs * 2;
    slot = warps * warp_records(eights) * record;
    input_sums = warps * p.input_stages * input_stage;
    weights = input_sums + warps * p.input_stages * warp_records(eights) * span_count * eights * 32;
    sums = weights + p.slots * slot;
    barriers = sums + warps * kTilesAtOnce * eights * 512;
  }
};

// A warp's input: the k of its records, in chunks of as many records as it has of a copy.
template <typename Number, int kEights, int kSpan>
struct StagedInput {
  static constexpr int kRecords = warp_records(kEights), kRowBytes = kRecords * kRecordInputs * 2;

  const AffineLinearParams &p;
  const int rows, lane, warp;
  const uint32_t base, stage_bytes;
  float *const input_sums;
  uint32_t even[kEights], odd[kEights];  // addresses of the lane's rows of matrices: of 16 pieces the first and third four, and the others

  // What stands for rows beyond the last are other pieces of it: nobody looks at those columns, and reading one piece eight times would
  // take eight times as long.
  __device__ StagedInput(const AffineLinearParams &params, int row_count, int own_warp, uint32_t address, uint32_t bytes, float *sums)
      : p(params), rows(row_count), lane(threadIdx.x % 32), warp(own_warp), base(address), stage_bytes(bytes), input_sums(sums) {
#pragma unroll
    for (int e = 0; e < kEights; e++) {
      const uint32_t row = base + min(8 * e + lane % 8, rows - 1) * kRowBytes;
      even[e] = row + ((lane / 8 ^ lane % 8) << 4);
      odd[e] = row + (((lane / 8 + 4) ^ lane % 8) << 4);
    }
  }

  __device__ int record_of(int chunk, int index) const { return (chunk * kRecords + index) * few_warps(kEights) + warp; }

  // Pieces of 16 bytes of a row are xored with the row, so that the 8 rows of a matrix lie in different banks.
  __device__ void request(int stage, int chunk) const {
    constexpr int kPieces = 16 * kRecords;
    for (int i = lane; i < rows * kPieces; i += 32) {
      const int row = i / kPieces, piece = i % kPieces, k = record_of(chunk, piece / 16) * kRecordInputs + piece % 16 * 8;
      const uint16_t *from = (const uint16_t *)p.input.base + (int64_t)row * p.input.stride + (k < p.inputs ? k : 0);
      hopper::copy16(base + stage * stage_bytes + row * kRowBytes + ((piece ^ (row & 7)) << 4), from, k < p.inputs ? 16 : 0);
    }
    hopper::copies_commit();
  }

  // A record's operands of 32 inputs each: registers 0 and 1 are of the first 16, 2 and 3 of the others.
  __device__ void operands(int stage, int record, uint32_t (&to)[kSteps / 2][kEights][4]) const {
    const uint32_t at = stage * stage_bytes + record * 256;
#pragma unroll
    for (int e = 0; e < kEights; e++) {
      hopper::load_matrices(to[0][e], even[e] + at);
      hopper::load_matrices(to[1][e], odd[e] + at);
      hopper::load_matrices(to[2][e], even[e] + at + 128);
      hopper::load_matrices(to[3][e], odd[e] + at + 128);
    }
  }

  __device__ float *sums_of(int stage, int record, int span, int eight) const {
    return input_sums + (((stage * kRecords + record) * spans(kSpan) + span) * kEights + eight) * 8;
  }

  // Sums of inputs over spans, by a product with ones: a lane then has those of its two columns.
  __device__ void add_up(int stage) const {
    const uint32_t ones[4] = {Number::kOnes, Number::kOnes, Number::kOnes, Number::kOnes};
#pragma unroll
    for (int record = 0; record < kRecords; record++) {
      uint32_t columns[kSteps / 2][kEights][4];
      operands(stage, record, columns);
#pragma unroll
      for (int span = 0; span < spans(kSpan); span++)
#pragma unroll
        for (int e = 0; e < kEights; e++) {
          float sum[4] = {};
#pragma unroll
          for (int step = span * kSpan / 16; step < (span + 1) * kSpan / 16; step++)
            Number::mma(sum, ones, columns[step / 2][e][step % 2 * 2], columns[step / 2][e][step % 2 * 2 + 1]);
          if (lane < 4) *(float2 *)(sums_of(stage, record, span, e) + 2 * lane) = make_float2(sum[0], sum[1]);
        }
    }
    __syncwarp();
  }
};

// total += the product of a record with 128 inputs, nothing where there is no such record; outputs 8 to 15 are raised still. Steps
// alternate between two sums, so that a product waits for the last but one.
template <int kBits, typename Number, int kEights, int kSpan>
__device__ void add_record(const AffineLinearParams &p, const uint8_t *record, bool exists, const StagedInput<Number, kEights, kSpan> &input, int stage,
                           int index, float (&total)[kEights][4]) {
  using Codes = Fragments<kBits, Number>;
  Codes codes;
  const int g = input.lane / 4;
  codes.load(record, input.lane);
  uint32_t columns[kSteps / 2][kEights][4];
  input.operands(stage, index, columns);
#pragma unroll
  for (int span = 0; span < spans(kSpan); span++) {
    const uint16_t *scales = (const uint16_t *)(record + scale_offset(kBits, span, g));
    // Behind the last record the inputs are 0, and so is the product; only a scale could spoil it.
    const uint16_t first = exists ? scales[0] : 0, second = exists ? scales[8] : 0;
    const float low = p.scale_type == kF16 ? Half::to_float(first) : Brain::to_float(first);
    const float high = p.scale_type == kF16 ? Half::to_float(second) : Brain::to_float(second);
    float zero[2] = {(float)(1 << (kBits - 1)), (float)(1 << (kBits - 1))};
    if (p.has_zeros) {
      const uint8_t *zeros = record + zero_offset(kBits, kSpan, span, g);
      zero[0] = zeros[0], zero[1] = zeros[8];
    }
    float sums[2][kEights][4] = {};
    if constexpr (Codes::kRaisable) {
#pragma unroll
      for (int e = 0; e < kEights; e++) {
        const float2 inputs = *(const float2 *)(input.sums_of(stage, index, span, e) + input.lane % 4 * 2);
#pragma unroll
        for (int i = 0; i < 4; i++) sums[0][e][i] = -fmaf(zero[i / 2], (float)(1 << Codes::raised_by(i / 2)), Number::kMagicValue) * (i % 2 ? inputs.y : inputs.x);
      }
    } else {
      codes.set_zero(0, zero[0]);
      codes.set_zero(1, zero[1]);
    }
#pragma unroll
    for (int step = span * kSpan / 16; step < (span + 1) * kSpan / 16; step++) {
      uint32_t weights[4];
      if constexpr (Codes::kRaisable) codes.raised_operand(step, weights);
      else codes.operand(step, weights);
#pragma unroll
      for (int e = 0; e < kEights; e++) Number::mma(sums[step % 2][e], weights, columns[step / 2][e][step % 2 * 2], columns[step / 2][e][step % 2 * 2 + 1]);
    }
#pragma unroll
    for (int e = 0; e < kEights; e++)
#pragma unroll
      for (int i = 0; i < 4; i++) total[e][i] = fmaf(i < 2 ? low : high, sums[0][e][i] + sums[1][e][i], total[e][i]);
  }
}

// The tiles of a block, in passes of some; in each pass the chunks of k, in each chunk the tiles. So go the copies.
struct FewWork {
  int first_tile, end_tile, records, copy_records, chunks;

  __device__ FewWork(const AffineLinearParams &p, int eights)
      : first_tile((int)((int64_t)tiles(p.outputs) * blockIdx.x / gridDim.x)),
        end_tile((int)((int64_t)tiles(p.outputs) * (blockIdx.x + 1) / gridDim.x)),
        records(affine::records(p.inputs)),
        copy_records(few_warps(eights) * warp_records(eights)),
        chunks((records + copy_records - 1) / copy_records) {}
};

struct FewRing {
  uint32_t full, empty;  // addresses of barriers
  int slots, slot = 0, phase = 0;
  __device__ void advance() {
    if (++slot == slots) slot = 0, phase ^= 1;
  }
};

// By one thread.
__device__ inline void produce_few(const AffineLinearParams &p, const FewWork &work, FewRing ring, uint32_t weights, int record_size) {
  for (int pass = work.first_tile; pass < work.end_tile; pass += kTilesAtOnce)
    for (int chunk = 0; chunk < work.chunks; chunk++)
      for (int tile = pass; tile < min(pass + kTilesAtOnce, work.end_tile); tile++) {
        hopper::barrier_wait(ring.empty + 8 * ring.slot, ring.phase ^ 1);
        const uint32_t bytes = min(work.copy_records, work.records - chunk * work.copy_records) * record_size;
        hopper::barrier_expect(ring.full + 8 * ring.slot, bytes);
        hopper::bulk_copy(weights + ring.slot * work.copy_records * record_size, p.weight + ((int64_t)tile * work.records + chunk * work.copy_records) * record_size,
                          bytes, ring.full + 8 * ring.slot);
        ring.advance();
      }
}

// The consumers' sums of a pass, added up and stored. An item is a row and two outputs, g and g + 8 of a tile, which one lane of every warp has.
template <int kEights>
__device__ void meet(const AffineLinearParams &p, const float4 *sums, int first_tile, int tile_count, int rows) {
  constexpr int kWarps = few_warps(kEights);
  for (int item = threadIdx.x; item < tile_count * kEights * 64; item += kWarps * 32) {
    const int row_parity = item % 2, owner = item / 2 % 32, eight = item / 64 % kEights, t = item / (64 * kEights);
    const int row = 8 * eight + 2 * (owner % 4) + row_parity;
    if (row >= rows) continue;
    float sum[2] = {};
#pragma unroll
    for (int w = 0; w < kWarps; w++) {
      const float *from = (const float *)(sums + ((w * kTilesAtOnce + t) * kEights + eight) * 32 + owner) + row_parity;
      sum[0] += from[0], sum[1] += from[2];
    }
    store_outputs(p, first_tile + t, owner / 4, row, sum);
  }
}

template <int kBits, typename Number, int kEights, int kSpan>
__device__ void few_rows(const AffineLinearParams &p) {
  constexpr int kWarps = few_warps(kEights);
  extern __shared__ __align__(128) uint8_t shared[];
  const int lane = threadIdx.x % 32, warp = __shfl_sync(~0u, threadIdx.x / 32, 0);  // so that the compiler knows it is one for all lanes
  const int rows = min(p.step[p.rows_at], p.max_rows);
  if (rows <= 0) {
    hopper::wait_for_previous();  // or the kernel behind would not wait for it either
    return;
  }

  const int record_size = record_bytes(kBits, kSpan, p.has_zeros);
  const FewWork work(p, kEights);
  const FewShared layout(p, record_size, kEights, spans(kSpan));
  const uint32_t shared_base = hopper::shared_address(shared);
  FewRing ring{shared_base + layout.barriers, shared_base + layout.barriers + 8 * p.slots, p.slots};
  if (threadIdx.x == kWarps * 32) {
    for (int slot = 0; slot < p.slots; slot++) {
      hopper::barrier_init(ring.full + 8 * slot, 1);
      hopper::barrier_init(ring.empty + 8 * slot, kWarps);
    }
    hopper::barriers_ready();
  }
  __syncthreads();
  hopper::let_next_start();
  if (warp == kWarps) {
    if (lane == 0) produce_few(p, work, ring, shared_base + layout.weights, record_size);
    return;
  }

  hopper::wait_for_previous();
  using Input = StagedInput<Number, kEights, kSpan>;
  const Input input(p, rows, warp, shared_base + warp * p.input_stages * layout.input_stage, layout.input_stage,
                    (float *)(shared + layout.input_sums) + warp * p.input_stages * Input::kRecords * spans(kSpan) * kEights * 8);
  const bool resident = work.chunks <= p.input_stages;
  for (int chunk = 0; chunk < (resident ? work.chunks : 1); chunk++) input.request(chunk, chunk);
  if (resident) {
    hopper::copies_wait<0>();
    __syncwarp();
    for (int chunk = 0; chunk < work.chunks; chunk++) input.add_up(chunk);
  }

  int stage = 0;
  for (int pass = work.first_tile; pass < work.end_tile; pass += kTilesAtOnce) {
    float total[kTilesAtOnce][kEights][4] = {};
    for (int chunk = 0; chunk < work.chunks; chunk++) {
      if (resident) {
        stage = chunk;
      } else {
        const int following = chunk + 1 < work.chunks ? chunk + 1 : 0;  // after the last of all in vain
        input.request(stage ^ 1, following);
        hopper::copies_wait<1>();
        __syncwarp();
        input.add_up(stage);
      }
#pragma unroll
      for (int t = 0; t < kTilesAtOnce; t++) {
        if (pass + t >= work.end_tile) break;
        hopper::barrier_wait(ring.full + 8 * ring.slot, ring.phase);
        const uint8_t *record = shared + layout.weights + (ring.slot * work.copy_records + warp) * record_size;
#pragma unroll
        for (int r = 0; r < Input::kRecords; r++)
          add_record<kBits, Number, kEights, kSpan>(p, record + r * kWarps * record_size, input.record_of(chunk, r) < work.records, input, stage, r, total[t]);
        __syncwarp();
        if (lane == 0) hopper::barrier_arrive(ring.empty + 8 * ring.slot);
        ring.advance();
      }
      if (!resident) stage ^= 1;
    }

    constexpr float kLowered = 1.0f / (float)(1 << Fragments<kBits, Number>::raised_by(1));
    float4 *sums = (float4 *)(shared + layout.sums);
#pragma unroll
    for (int t = 0; t < kTilesAtOnce; t++)
#pragma unroll
      for (int e = 0; e < kEights; e++)
        sums[((warp * kTilesAtOnce + t) * kEights + e) * 32 + lane] = make_float4(total[t][e][0], total[t][e][1], kLowered * total[t][e][2], kLowered * total[t][e][3]);
    hopper::warps_sync(kFewBarrier, kWarps * 32);
    meet<kEights>(p, sums, pass, min(kTilesAtOnce, work.end_tile - pass), rows);
    if (pass + kTilesAtOnce < work.end_tile) hopper::warps_sync(kFewBarrier, kWarps * 32);
  }
  hopper::copies_wait<0>();
}

}  // namespace affine

#define FB_FEW(rows, name, Number, bits, span)                                                                     \
  extern "C" __global__ void __launch_bounds__(32 * (affine::few_warps(rows / 8) + 1), rows == 8 ? 2 : 1)          \
      linear_affine_few##rows##_##name##_##bits##_##span(const __grid_constant__ AffineLinearParams p) {           \
    affine::few_rows<bits, Number, rows / 8, span>(p);                                                             \
  }
#define FB_FEW_SPANS(rows, name, Number, bits) \
  FB_FEW(rows, name, Number, bits, 32) FB_FEW(rows, name, Number, bits, 64) FB_FEW(rows, name, Number, bits, 128)
#define FB_FEW_BITS(rows, name, Number)                                            \
  FB_FEW_SPANS(rows, name, Number, 2) FB_FEW_SPANS(rows, name, Number, 3)          \
  FB_FEW_SPANS(rows, name, Number, 4) FB_FEW_SPANS(rows, name, Number, 8)

FB_FEW_BITS(8, f16, Half)
FB_FEW_BITS(8, bf16, Brain)
FB_FEW_BITS(16, f16, Half)
FB_FEW_BITS(16, bf16, Brain)
FB_FEW_BITS(32, f16, Half)
FB_FEW_BITS(32, bf16, Brain)
