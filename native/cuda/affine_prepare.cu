// From a checkpoint's own affine codes to the records of the tensor-core kernels, once at load.
#include "affine_layout.cuh"
#include "linear_affine.cuh"
#include "weights.cuh"

namespace affine {

// A column of a weight's part, or what pads the last tile: code 0 of scale 0.
struct Column {
  const Part *part = nullptr;
  int own = 0;

  __device__ Column(const AffinePrepareParams &p, int tile, int row) {
    const int output = output_of(tile, row, p.outputs, p.gated);
    if (p.gated ? tile * 8 + row % 8 < p.outputs / 2 : output < p.outputs) part = &part_of(*p.weight, output, &own);
  }
};

// One record by one warp: every lane packs its own codes, then the first 16 the scales and zero points of a row each.
__device__ inline void prepare_record(const AffinePrepareParams &p, int64_t index) {
  const int lane = threadIdx.x % 32, record_count = records(p.inputs);
  const int tile = (int)(index / record_count), first = (int)(index % record_count) * kRecordInputs;
  uint8_t *record = p.records + index * record_bytes(p.bits, p.span, p.has_zeros);
  const auto input_of = [&](int place) { return p.order ? p.order[place] : place; };

  uint32_t words[16] = {};
  for (int row = lane / 4; row < kTileOutputs; row += 8) {
    const Column column(p, tile, row);
    if (!column.part) continue;
    for (int k = lane % 4 * 2; k < kRecordInputs && first + k < p.inputs; k += k % 2 ? 7 : 1) {
      const uint32_t code = affine_code(*column.part, input_of(first + k), column.own);
      const Holder at = holder(row, k);
      for (int i = 0; i < p.bits; i++) {
        const Place bit = bit_place(p.bits, at, i);
        words[bit.word] |= (code >> i & 1) << bit.bit;
      }
    }
  }
  for (int word = 0; word < 2 * p.bits; word++) *(uint32_t *)(record + word_offset(p.bits, lane, word)) = words[word];

  if (lane >= kTileOutputs) return;
  const Column column(p, tile, lane);
  for (int span = 0; span < spans(p.span); span++) {
    const int k = first + span * p.span;
    uint16_t scale = 0;
    uint8_t zero = 0;
    if (column.part && k < p.inputs) {
      const Part &part = *column.part;
      const int input = input_of(k), group = part.places ? part.places[input] : input / part.group_size;
      const float value = read_float(part.scales, part.scale_type, (int64_t)group * part.outputs + column.own);
      scale = p.scale_type == kF16 ? float_to_half(value) : float_to_bfloat(value);
      zero = (uint8_t)affine_zero(part, group, column.own);
    }
    *(uint16_t *)(record + scale_offset(p.bits, span, lane)) = scale;
    if (p.has_zeros) record[zero_offset(p.bits, p.span, span, lane)] = zero;
  }
}

}  // namespace affine

// Warps take records in turn: any grid of blocks of 128 threads.
FB_KERNEL(128, affine_prepare, AffinePrepareParams) {
  const int64_t all = (int64_t)affine::tiles(p.outputs) * affine::records(p.inputs);
  for (int64_t index = (int64_t)blockIdx.x * 4 + threadIdx.x / 32; index < all; index += (int64_t)gridDim.x * 4) affine::prepare_record(p, index);
}
