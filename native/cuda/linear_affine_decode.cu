// Linears of up to 8 rows whose whole input fits beside the weights under way: decoding for few users.
//
// Split    weights are the 16-row operand of mma.m16n8k16, activations its 8 columns, so that 1 to 8 rows cost the same. A block has whole
//          tiles of 16 outputs; each of its 16 warps has the same stretch of k in every tile, and a ring of copies of its own: nobody waits
//          for another warp but where their sums meet, once for many tiles.
// Why      16 warps hide each other's latencies, 4 for every scheduler. Rings begin to fill before the wait for the kernel in front. Shared memory
//          is for one block on a multiprocessor: with room for two, blocks of one launch met where the kernel in front had ended first,
//          and took twice as long as the others.
// Norm     where an RMS norm is all that stands between, every block computes it for itself: it reads the whole row anyway. In the order of
//          rms_norm_wide, to the same bits.
// Order    an input's place along k may be another: inputs are put in order as they are staged.
// Sums     begin at what raised codes have too much, as in linear_affine_few.cu; a row's does not depend on the other rows.
// Grid: any number of blocks.
#include "affine_fragment.cuh"
#include "hopper.cuh"
#include "kernel.cuh"
#include "linear_epilogue.cuh"

namespace affine {

constexpr int kDecodeWarps = 16;
constexpr int kDecodeThreads = 32 * kDecodeWarps;
// As many as leave room for a block of attention_split beside a block of these.
constexpr int kDecodeRegisters = 96;
constexpr int kCopyRecords = 2;  // of a slot, whose products are computed side by side
constexpr int kColumns = 8;
constexpr int kMeetingLanes = 4;  // that add up an item's sums: an item is a row and two outputs of a tile, g and g + 8

// Bytes of what the inputs of a span have to do with the beginning of its sums: four floats for each two columns.
constexpr int kBeginningBytes = kColumns / 2 * 16;

// Floats of a warp's sums of a tile: so many more than there are that the lanes of an item read from different banks.
__device__ inline int warp_sums(int rows) { return rows * kTileOutputs + 2; }

// Shared memory of a block: weights [warp][slot][records of a copy], input [row][records][128], beginnings [record][span][2 columns], sums
// [tile of a meeting][warp][row][16], squares [row][warp] of f32.
struct DecodeShared {
  uint32_t slot, row;                         // bytes
  uint32_t input, beginnings, sums, squares;  // offsets; weights are first

  __device__ DecodeShared(const AffineDecodeParams &p, int record, int span_count) {
    const int count = records(p.linear.inputs);
    slot = kCopyRecords * record;
    row = count * kRecordInputs * 2;
    input = kDecodeWarps * p.linear.slots * slot;
    beginnings = input + p.linear.max_rows * row;
    sums = beginnings + count * span_count * kBeginningBytes;
    squares = sums + p.meeting_tiles * kDecodeWarps * warp_sums(p.linear.max_rows) * 4;
  }
};

// The input into shared memory, in the order of the records, normed if there is a norm, and the beginnings. Pieces of 16 bytes are xored with
// the row, so that the 8 rows of a matrix lie in different banks. By the whole block.
template <int kBits, typename Number, int kSpan, bool kZeros>
struct Staging {
  using Codes = Fragments<kBits, Number>;

  const AffineDecodeParams &p;
  const AffineLinearParams &l;
  uint8_t *const input;
  const uint32_t row_bytes;
  float *const beginnings;

  __device__ uint4 *place(int row, int piece) const { return (uint4 *)(input + row * row_bytes + ((piece ^ (row & 7)) << 4)); }
  __device__ int pieces() const { return (int)row_bytes / 16; }
  __device__ uint4 load(const uint16_t *row, int k) const {
    if (k >= l.inputs) return uint4{0, 0, 0, 0};
    if (!p.order) return *(const uint4 *)(row + k);
    uint32_t pairs[4];
#pragma unroll
    for (int j = 0; j < 4; j++) pairs[j] = row[p.order[k + 2 * j]] | (uint32_t)row[p.order[k + 2 * j + 1]] << 16;
    return uint4{pairs[0], pairs[1], pairs[2], pairs[3]};
  }

  // Of the numbers of a piece, which a warp has 32 of side by side.
  __device__ void begin_sums(int row, int piece, const float (&x)[8]) const {
    if constexpr (Codes::kRaisable) {
      float sum = ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
#pragma unroll
      for (int offset = 1; offset < kSpan / 8; offset *= 2) sum += __shfl_xor_sync(kAllLanes, sum, offset);
      if (piece % (kSpan / 8) != 0 || piece >= pieces()) return;
      float *to = beginnings + piece / (kSpan / 8) * (kBeginningBytes / 4) + row / 2 * 4 + row % 2;
      constexpr float kMiddle = (float)(1 << (kBits - 1));
      to[0] = kZeros ? sum : -(Number::kMagicValue + kMiddle * (float)(1 << Codes::raised_by(0))) * sum;
      to[2] = kZeros ? sum : -(Number::kMagicValue + kMiddle * (float)(1 << Codes::raised_by(1))) * sum;
    }
  }

  // What may be read before the kernel in front has ended: weights of the norm for a thread's first piece.
  __device__ void prepare(float (&weights)[8]) const {
    const int k = (int)threadIdx.x * 8;
    if (p.norm && k < l.inputs) load_weights(k, weights);
  }

  __device__ void load_weights(int k, float (&weights)[8]) const {
    if (p.order) {
#pragma unroll
      for (int j = 0; j < 8; j++) weights[j] = p.norm[p.order[k + j]];
    } else {
      *(float4 *)weights = *(const float4 *)(p.norm + k);
      *(float4 *)(weights + 4) = *(const float4 *)(p.norm + k + 4);
    }
  }

  // Pieces go to threads in turn, up to kAtOnce of a thread's at a time; whole warps go on together.
  static constexpr int kAtOnce = 4;

  __device__ void run(int rows, const float (&first_weights)[8], float *squares_of) const {
    const int end = (pieces() + kWarp - 1) / kWarp * kWarp;
#pragma unroll 1
    for (int row = 0; row < rows; row++) {
      const uint16_t *from = (const uint16_t *)l.input.base + (int64_t)row * l.input.stride;
      float squares = 0;
#pragma unroll 1
      for (int first = (int)threadIdx.x; first < end; first += kAtOnce * kDecodeThreads) {
        uint4 eights[kAtOnce];
#pragma unroll
        for (int i = 0; i < kAtOnce; i++) eights[i] = load(from, (first + i * kDecodeThreads) * 8);
#pragma unroll
        for (int i = 0; i < kAtOnce; i++) {
          const int piece = first + i * kDecodeThreads;
          if (piece >= end) break;
          if (piece < pieces()) *place(row, piece) = eights[i];
          float x[8];
          widen8(eights[i], Number::kType, x);
          if (!p.norm) {
            begin_sums(row, piece, x);
          } else {
#pragma unroll
            for (int j = 0; j < 8; j++) squares = fmaf(x[j], x[j], squares);
          }
        }
      }
      if (p.norm) {
        squares = warp_sum(squares);
        if (lane_id() == 0) squares_of[row * kDecodeWarps + warp_id()] = squares;
      }
    }
    __syncthreads();
    if (!p.norm) return;
#pragma unroll 1
    for (int row = 0; row < rows; row++) {
      const float squares = warp_sum(lane_id() < kDecodeWarps ? squares_of[row * kDecodeWarps + lane_id()] : 0.0f);
      const float scale = 1.0f / sqrtf(squares / (float)l.inputs + p.norm_eps);
#pragma unroll 1
      for (int piece = (int)threadIdx.x; piece < end; piece += kDecodeThreads) {
        float x[8] = {};
        if (piece * 8 < l.inputs) {
          float weights[8];
#pragma unroll
          for (int j = 0; j < 8; j++) weights[j] = first_weights[j];
          if (piece >= kDecodeThreads) load_weights(piece * 8, weights);
          widen8(*place(row, piece), Number::kType, x);
#pragma unroll
          for (int j = 0; j < 8; j++) x[j] *= scale * weights[j];
          const uint4 eight = narrow8(x, Number::kType);
          *place(row, piece) = eight;
          widen8(eight, Number::kType, x);
        }
        begin_sums(row, piece, x);
      }
    }
    __syncthreads();
  }
};

// A warp's share of all tiles.
template <int kBits, typename Number, int kSpan, typename Scale, bool kZeros>
struct DecodeWarp {
  using Codes = Fragments<kBits, Number>;
  static constexpr int kRecord = record_bytes(kBits, kSpan, kZeros);

  const int lane = lane_id();
  uint32_t even, odd;   // addresses of the lane's rows of matrices: of 16 pieces the first and third four, and the others
  const float *begins;  // of the lane's columns

  // What stands for rows beyond the last are other pieces of it: nobody looks at those columns.
  __device__ DecodeWarp(int rows, uint32_t input, uint32_t row_bytes, const float *beginnings) : begins(beginnings + lane % 4 * 4) {
    const uint32_t row = input + min(lane % kColumns, rows - 1) * row_bytes;
    even = row + ((lane / 8 ^ lane % 8) << 4);
    odd = row + (((lane / 8 + 4) ^ lane % 8) << 4);
  }

  // total += the products of records one behind the other with their inputs; outputs 8 to 15 are raised still.
  template <int kCount>
  __device__ void add_records(const uint8_t *weights, int record, float (&total)[4]) const {
    Codes codes[kCount];
    const int g = lane / 4;
    const uint32_t even_of = even + record * 256, odd_of = odd + record * 256;
    const float *beginning = begins + record * spans(kSpan) * (kBeginningBytes / 4);
#pragma unroll
    for (int r = 0; r < kCount; r++) codes[r].load(weights + r * kRecord, lane);
#pragma unroll
    for (int span = 0; span < spans(kSpan); span++) {
      float sums[kCount][4];
#pragma unroll
      for (int r = 0; r < kCount; r++) {
        const uint8_t *zeros = weights + r * kRecord + zero_offset(kBits, kSpan, span, g);
        if constexpr (Codes::kRaisable) {
          const float4 begin = *(const float4 *)(beginning + (r * spans(kSpan) + span) * (kBeginningBytes / 4));
          sums[r][0] = begin.x, sums[r][1] = begin.y, sums[r][2] = begin.z, sums[r][3] = begin.w;
          if constexpr (kZeros) {
            const float low = -fmaf((float)zeros[0], (float)(1 << Codes::raised_by(0)), Number::kMagicValue);
            const float high = -fmaf((float)zeros[8], (float)(1 << Codes::raised_by(1)), Number::kMagicValue);
            sums[r][0] *= low, sums[r][1] *= low, sums[r][2] *= high, sums[r][3] *= high;
          }
        } else {
          codes[r].set_zero(0, kZeros ? (float)zeros[0] : (float)(1 << (kBits - 1)));
          codes[r].set_zero(1, kZeros ? (float)zeros[8] : (float)(1 << (kBits - 1)));
#pragma unroll
          for (int i = 0; i < 4; i++) sums[r][i] = 0;
        }
      }
#pragma unroll
      for (int pair = span * kSpan / 32; pair < (span + 1) * kSpan / 32; pair++) {
        uint32_t two[kCount][4];
#pragma unroll
        for (int r = 0; r < kCount; r++) hopper::load_matrices(two[r], (pair % 2 ? odd_of : even_of) + r * 256 + pair / 2 * 128);
#pragma unroll
        for (int half = 0; half < 2; half++)
#pragma unroll
          for (int r = 0; r < kCount; r++) {
            uint32_t operand[4];
            if constexpr (Codes::kRaisable) codes[r].raised_operand(2 * pair + half, operand);
            else codes[r].operand(2 * pair + half, operand);
            Number::mma(sums[r], operand, two[r][2 * half], two[r][2 * half + 1]);
          }
      }
#pragma unroll
      for (int r = 0; r < kCount; r++) {
        const uint16_t *scales = (const uint16_t *)(weights + r * kRecord + scale_offset(kBits, span, g));
        const float low = Scale::to_float(scales[0]), high = Scale::to_float(scales[8]);
#pragma unroll
        for (int i = 0; i < 4; i++) total[i] = fmaf(i < 2 ? low : high, sums[r][i], total[i]);
      }
    }
  }
};

// Waits until at most the last `slots` - 1 of a lane's copies are under way.
__device__ inline void await_slot(int slots) {
  if (slots >= 4) hopper::copies_wait<3>();
  else if (slots == 3) hopper::copies_wait<2>();
  else hopper::copies_wait<1>();
  __syncwarp();
}

template <int kBits, typename Number, int kSpan, typename Scale, bool kZeros>
__device__ __forceinline__ void decode_rows(const AffineDecodeParams &params, int rows) {
  using Warp = DecodeWarp<kBits, Number, kSpan, Scale, kZeros>;
  extern __shared__ __align__(128) uint8_t shared[];
  const AffineLinearParams &p = params.linear;
  const int lane = lane_id(), warp = __shfl_sync(kAllLanes, warp_id(), 0);  // so that the compiler knows it is one for all lanes
  const int record_count = records(p.inputs), slots = p.slots;
  const int first_tile = (int)((int64_t)tiles(p.outputs) * blockIdx.x / gridDim.x), end_tile = (int)((int64_t)tiles(p.outputs) * (blockIdx.x + 1) / gridDim.x);
  const int first_record = record_count * warp / kDecodeWarps, count = record_count * (warp + 1) / kDecodeWarps - first_record;
  const DecodeShared layout(params, Warp::kRecord, spans(kSpan));
  const uint32_t base = hopper::shared_address(shared), ring_offset = warp * slots * layout.slot;

  // The lane's place in the next copy; which of the tile's that is; how many tiles are left.
  constexpr int kCopy = kCopyRecords * Warp::kRecord;
  const uint8_t *next = p.weight + ((int64_t)first_tile * record_count + first_record) * Warp::kRecord + 16 * lane;
  const int skipped = (record_count - count) * Warp::kRecord;  // from a tile's last record of the warp's to the first of the next tile's
  int next_part = 0, tiles_left = count > 0 ? end_tile - first_tile : 0;
  const uint64_t policy = hopper::read_once();
  const auto request = [&](int slot) {
    if (tiles_left > 0) {
      const uint32_t to = base + ring_offset + slot * layout.slot + 16 * lane;
      const bool is_whole = next_part + 1 < count;
#pragma unroll
      for (int i = 0; i < kCopy; i += 512)
        if ((i + 512 <= Warp::kRecord || is_whole || i + 16 * lane < Warp::kRecord) && (i + 512 <= kCopy || i + 16 * lane < kCopy))
          hopper::copy16_once(to + i, next + i, policy);
      next_part += kCopyRecords;
      next += is_whole ? kCopy : Warp::kRecord;
      if (next_part >= count) next_part = 0, next += skipped, tiles_left--;
    }
    hopper::copies_commit();
  };
#pragma unroll 1
  for (int slot = 0; slot < slots; slot++) request(slot);
  const Staging<kBits, Number, kSpan, kZeros> staging{params, p, shared + layout.input, layout.row, (float *)(shared + layout.beginnings)};
  float norm_weights[8] = {};
  staging.prepare(norm_weights);
  hopper::let_next_start();
  hopper::wait_for_previous();

  staging.run(rows, norm_weights, (float *)(shared + layout.squares));
  const Warp own(rows, base + layout.input, layout.row, (const float *)(shared + layout.beginnings));

  constexpr float kLowered = 1.0f / (float)(1 << Fragments<kBits, Number>::raised_by(1));
  float *const sums = (float *)(shared + layout.sums);
  const int own_sums = warp_sums(rows), tile_sums = kDecodeWarps * own_sums;
  int slot = 0;
#pragma unroll 1
  for (int pass = first_tile; pass < end_tile; pass += params.meeting_tiles) {
    const int pass_tiles = min(params.meeting_tiles, end_tile - pass);
    const int item = (int)threadIdx.x / kMeetingLanes, row = item / 8 % rows, tile_of = item / (8 * rows);
    const bool meets = tile_of < pass_tiles;
    const OutputPair outputs(p, pass + tile_of, item % 8, row, meets && threadIdx.x % kMeetingLanes == 0);

    float *to = sums + warp * own_sums + lane % 4 * 2 * kTileOutputs + lane / 4;
#pragma unroll 1
    for (int tile = 0; tile < pass_tiles; tile++, to += tile_sums) {
      float total[4] = {};
#pragma unroll 1
      for (int part = 0; part < count; part += kCopyRecords) {
        await_slot(slots);
        const uint8_t *weights = shared + ring_offset + slot * layout.slot;
        if (part + 1 < count) own.template add_records<2>(weights, first_record + part, total);
        else own.template add_records<1>(weights, first_record + part, total);
        __syncwarp();
        request(slot);
        if (++slot == slots) slot = 0;
      }
      const int column = lane % 4 * 2;
      if (column < rows) to[0] = total[0], to[8] = kLowered * total[2];
      if (column + 1 < rows) to[kTileOutputs] = total[1], to[kTileOutputs + 8] = kLowered * total[3];
    }
    __syncthreads();
    float sum[2] = {};
    if (meets) {
      const float *from = sums + tile_of * tile_sums + threadIdx.x % kMeetingLanes * (kDecodeWarps / kMeetingLanes) * own_sums + row * kTileOutputs + item % 8;
#pragma unroll
      for (int w = 0; w < kDecodeWarps / kMeetingLanes; w++) sum[0] += from[w * own_sums], sum[1] += from[w * own_sums + 8];
    }
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
      for (int offset = 1; offset < kMeetingLanes; offset *= 2) sum[i] += __shfl_xor_sync(kAllLanes, sum[i], offset);
    outputs.finish(p, sum);
    if (pass + pass_tiles < end_tile) __syncthreads();
  }
  hopper::copies_wait<0>();
}

template <int kBits, typename Number, int kSpan>
__device__ __forceinline__ void decode(const AffineDecodeParams &p) {
  const int rows = min(p.linear.step[p.linear.rows_at], p.linear.max_rows);
  if (rows <= 0) return hopper::wait_for_previous();  // or the kernel behind would not wait for it either
  const bool is_half = p.linear.scale_type == kF16;
  if (p.linear.has_zeros) return is_half ? decode_rows<kBits, Number, kSpan, Half, true>(p, rows) : decode_rows<kBits, Number, kSpan, Brain, true>(p, rows);
  return is_half ? decode_rows<kBits, Number, kSpan, Half, false>(p, rows) : decode_rows<kBits, Number, kSpan, Brain, false>(p, rows);
}

}  // namespace affine

#define FB_DECODE(name, Number, bits, span)                                                                              \
  extern "C" __global__ void __maxnreg__(affine::kDecodeRegisters) linear_affine_decode_##name##_##bits##_##span(         \
      const __grid_constant__ AffineDecodeParams p) {                                                                    \
    affine::decode<bits, Number, span>(p);                                                                               \
  }
#define FB_DECODE_SPANS(name, Number, bits) FB_DECODE(name, Number, bits, 32) FB_DECODE(name, Number, bits, 64) FB_DECODE(name, Number, bits, 128)
#define FB_DECODE_BITS(name, Number) \
  FB_DECODE_SPANS(name, Number, 2) FB_DECODE_SPANS(name, Number, 3) FB_DECODE_SPANS(name, Number, 4) FB_DECODE_SPANS(name, Number, 8)

FB_DECODE_BITS(f16, Half)
FB_DECODE_BITS(bf16, Brain)
