// Walks every bit of the records of affine_layout.cuh, without a GPU.
#include "../../native/cuda/affine_layout.cuh"

#include <cstdio>
#include <cstdlib>
#include <set>
#include <vector>

#define CHECK(condition, ...)       \
  do {                              \
    if (!(condition)) {             \
      std::printf(__VA_ARGS__);     \
      std::printf(": %s\n", #condition); \
      std::exit(1);                 \
    }                               \
  } while (0)

// PTX ISA, mma.m16n8k16: element i of lane's A fragment.
static void operand_element(int lane, int i, int *row, int *column) {
  const int group = lane >> 2, in_group = lane % 4;
  *row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
  *column = in_group * 2 + (i & 1) + (i >= 4 ? 8 : 0);
}

static uint32_t code_of(int output, int input, int bits) { return (uint32_t)(output * 2654435761u + input * 40503u) >> 9 & ((1u << bits) - 1); }

int main() {
  for (const int bits : {2, 3, 4, 8}) {
    std::vector<uint8_t> record(affine::code_bytes(bits));
    std::set<long> taken;
    for (int output = 0; output < affine::kTileOutputs; output++)
      for (int input = 0; input < affine::kRecordInputs; input++) {
        const affine::Holder at = affine::holder(output, input);
        for (int i = 0; i < bits; i++) {
          const affine::Place place = affine::bit_place(bits, at, i);
          const long bit = 8L * affine::word_offset(bits, at.lane, place.word) + place.bit;
          CHECK(place.word >= 0 && place.word < 2 * bits && place.bit >= 0 && place.bit < 32, "%d bits, %d %d", bits, output, input);
          CHECK(bit / 8 < (long)record.size() && taken.insert(bit).second, "%d bits, %d %d", bits, output, input);
          record[bit / 8] |= (code_of(output, input, bits) >> i & 1) << bit % 8;
        }
      }
    CHECK((long)taken.size() == 8L * (long)record.size(), "%d bits", bits);

    // What a lane's registers hold, by shifts and masks as affine_fragment.cuh takes them.
    for (const int mantissa : {10, 7})
      for (int lane = 0; lane < 32; lane++) {
        std::vector<uint32_t> words;
        for (int w = 0; w < 2 * bits; w++) {
          uint32_t word = 0;
          for (int b = 0; b < 4; b++) word |= (uint32_t)record[affine::word_offset(bits, lane, w) + b] << 8 * b;
          words.push_back(word);
        }
        for (int step = 0; step < affine::kSteps; step++)
          for (int i = 0; i < 8; i++) {
            int row, column;
            operand_element(lane, i, &row, &column);
            const int pair = i / 2, half = i % 2;
            uint32_t code;
            if (bits == 3 && affine::pair_of_three(step, pair) == affine::kSparePair) {
              const uint32_t *three = &words[step / 4 * 3];
              const uint32_t codes = (three[0] >> 15 & 0x00010001u) | (three[1] >> 14 & 0x00020002u) | (three[2] >> 13 & 0x00040004u);
              code = codes >> 16 * half & 0xffffu;
            } else {
              const affine::Place place = affine::place(bits, step, pair);
              const int shift = bits == 8 ? place.bit : affine::shift_of(bits, mantissa, place.bit), up = place.bit - shift;
              CHECK(bits == 8 || up + bits <= mantissa, "%d bits, bit %d", bits, place.bit);
              CHECK(bits == 8 || up % bits == 0, "%d bits, bit %d", bits, place.bit);
              const uint32_t mask = 0x00010001u * ((1u << bits) - 1) << up;
              code = (words[place.word] >> shift & mask) >> up >> 16 * half & 0xffffu;
            }
            CHECK(code == code_of(row, 16 * step + column, bits), "%d bits, mantissa %d, lane %d, step %d, element %d", bits, mantissa, lane, step, i);
          }
      }
    for (const int span : {32, 64, 128})
      for (const bool zeros : {false, true}) {
        const int bytes = affine::record_bytes(bits, span, zeros), last = affine::spans(span) - 1;
        CHECK(bytes % 16 == 0, "%d bits", bits);
        CHECK(zeros ? affine::zero_offset(bits, span, last, 15) + 1 == bytes : affine::scale_offset(bits, last, 15) + 2 == bytes, "%d bits", bits);
      }
  }
  for (const int outputs : {32, 48, 4864}) {
    std::set<int> seen;
    for (int tile = 0; tile < affine::tiles(outputs); tile++)
      for (int row = 0; row < affine::kTileOutputs; row++) {
        seen.insert(affine::output_of(tile, row, outputs, true));
        if (row < 8) CHECK(affine::output_of(tile, row + 8, outputs, true) == affine::output_of(tile, row, outputs, true) + outputs / 2, "tile %d", tile);
      }
    CHECK((int)seen.size() == outputs && *seen.rbegin() == outputs - 1, "%d outputs", outputs);
  }
  std::printf("every bit is where it belongs\n");
}
