#pragma once
// Where codes, scales and zero points of an affine weight lie for the tensor-core kernels (docs/layouts.md, `m16k128`). Plain C++ as well,
// so that a test without a GPU can walk every bit of it.
#include <stdint.h>

#ifdef __CUDACC__
#define FB_BOTH __host__ __device__
#else
#define FB_BOTH
#endif

namespace affine {

constexpr int kTileOutputs = 16;    // the rows of mma.m16n8k16 and of a warp's share of wgmma.m64nNk16
constexpr int kRecordInputs = 128;  // inputs of a record: one 16-output tile's codes, then its scales and zero points
constexpr int kSteps = 8;           // k16 steps of a record

FB_BOTH constexpr int code_bytes(int bits) { return kTileOutputs * kRecordInputs * bits / 8; }

// Inputs that share a scale within a record: 32, 64, or 128 where groups are longer; a longer group's scale is in each of its records.
FB_BOTH constexpr int spans(int span) { return kRecordInputs / span; }

// Codes, f16 or bf16 scales [span][16], and zero points [span][16] in bytes unless the weight is symmetric. A multiple of 16.
FB_BOTH constexpr int record_bytes(int bits, int span, bool zeros) {
  return code_bytes(bits) + spans(span) * kTileOutputs * (zeros ? 3 : 2);
}

FB_BOTH constexpr int records(int inputs) { return (inputs + kRecordInputs - 1) / kRecordInputs; }
FB_BOTH constexpr int tiles(int outputs) { return (outputs + kTileOutputs - 1) / kTileOutputs; }

// Who holds a code: a lane's register of the instruction's first operand takes a pair of neighbouring inputs, one in each half.
struct Holder {
  int lane;
  int step;  // of 16 inputs
  int pair;  // register 0 to 3: outputs 0-7 and 8-15 of inputs 0-7, the same of inputs 8-15
  int half;  // 0: the even input, in the lower half
};

FB_BOTH constexpr Holder holder(int output, int input) {
  return {output % 8 * 4 + input % 8 / 2, input / 16, input % 16 / 8 * 2 + output / 8, input % 2};
}

// Where a pair's codes begin among the 2 * bits words of a lane: a word, and a bit of its lower half. The other code is 16 bits above.
struct Place {
  int word;
  int bit;
};

// With 3 bits five pairs fit into a word, fifteen into three of them; the sixteenth has bit i in bit 15 of word i of the three.
constexpr int kSparePair = 15;
FB_BOTH constexpr int pair_of_three(int step, int pair) { return step % 4 * 4 + pair; }

FB_BOTH constexpr Place place(int bits, int step, int pair) {
  return bits == 2   ? Place{step / 2, 8 * (step % 2) + 2 * pair}
         : bits == 3 ? Place{3 * (step / 4) + pair_of_three(step, pair) / 5, 3 * (pair_of_three(step, pair) % 5)}
         : bits == 4 ? Place{step, 4 * pair}
                     : Place{2 * step + pair / 2, 8 * (pair % 2)};
}

// Byte of a lane's word within a record. Vectors of four words (two at the end of 3 bits) lie by lane, so that a warp reads whole lines.
FB_BOTH constexpr int word_offset(int bits, int lane, int word) {
  const int vector = word / 4, left = 2 * bits - 4 * vector, width = left < 4 ? left : 4;
  return 512 * vector + 4 * (lane * width + word % 4);
}

// The word and bit of bit i of a code.
FB_BOTH constexpr Place bit_place(int bits, const Holder &at, int i) {
  const int spare = bits == 3 && pair_of_three(at.step, at.pair) == kSparePair;
  const Place first = place(bits, at.step, at.pair);
  return spare ? Place{3 * (at.step / 4) + i, 15 + 16 * at.half} : Place{first.word, first.bit + i + 16 * at.half};
}

// The shift that brings a pair at `bit` below the end of a mantissa, 10 bits in f16 and 7 in bf16. Pairs that can share a shift do.
FB_BOTH constexpr int shift_of(int bits, int mantissa, int bit) {
  return bits == 2   ? (bit % 8 + 2 <= mantissa ? bit - bit % 8 : bit)
         : bits == 3 ? (bit >= 9 ? 9 : bit + 3 <= mantissa ? 0 : bit)
                     : (mantissa == 10 ? bit - bit % 8 : bit);
}

FB_BOTH constexpr int scale_offset(int bits, int span_index, int output) { return code_bytes(bits) + 2 * (kTileOutputs * span_index + output); }
FB_BOTH constexpr int zero_offset(int bits, int span, int span_index, int output) {
  return code_bytes(bits) + 2 * kTileOutputs * spans(span) + kTileOutputs * span_index + output;
}

// The output that row `row` of tile `tile` is. Where a gate meets what it gates, a tile is 8 of the gate above the 8 they gate, so that
// one lane has both; otherwise outputs in their order.
FB_BOTH constexpr int output_of(int tile, int row, int outputs, bool gated) {
  return !gated ? tile * kTileOutputs + row : row < 8 ? tile * 8 + row : outputs / 2 + tile * 8 + row - 8;
}

}  // namespace affine
