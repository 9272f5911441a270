#pragma once
// Every scheme of weights from the file's own bytes: a reader of one output, asked for one input after another. The arithmetic is that of
// the scheme's doc comment in src/weights/packed-weight.ts, to the bit.
#include "blocks.cuh"
#include "kernel.cuh"
#include "numbers.cuh"

// The part that has an output, and which of its own outputs that is.
__device__ inline const Part &part_of(const Weight &weight, int output, int *own) {
  int i = weight.parts - 1;
  while (i > 0 && weight.part[i].column > output) i--;
  *own = output - weight.part[i].column;
  return weight.part[i];
}

// -- Streams of codes ----------------------------------------------------------------------------------------------------------------

// Code `index` of a stream, lowest bits first, whose word w is words[w * stride].
__device__ inline uint32_t stream_code(const uint32_t *words, int bits, int64_t index, int64_t stride) {
  const int64_t bit = bits * index, at = (bit >> 5) * stride;
  const int shift = (int)(bit & 31);
  uint32_t code = words[at] >> shift;
  if (shift + bits > 32) code |= words[at + stride] << (32 - shift);
  return code & ((1u << bits) - 1);
}

// Of every 32 codes planes of 4, 2 and 1 bit, lowest first, each a stream.
__device__ inline uint32_t planar_code(const uint32_t *words, int bits, int index, int64_t stride) {
  int word = index / 32 * bits, low = 0;
  uint32_t code = 0;
  for (int width = 4; width > 0; width /= 2) {
    if (!(bits & width)) continue;
    const int bit = width * (index % 32);
    code |= (words[(word + (bit >> 5)) * stride] >> (bit & 31) & ((1u << width) - 1)) << low;
    word += width;
    low += width;
  }
  return code;
}

// `bits` bits from a bit of the bytes on; there is a byte behind the last.
__device__ inline uint32_t bits_at(const uint8_t *bytes, int64_t bit, int bits) { return word16(bytes + (bit >> 3)) >> (bit & 7) & ((1u << bits) - 1); }

// src/weights/code-address.ts, which names the sources of these layouts.
__device__ inline int64_t code_address(const Part &p, int k, int n) {
  const int64_t inputs = p.inputs, outputs = p.outputs;
  switch (p.order) {
    case kLsbRows: return n * (32 * ((inputs * p.bits + 31) / 32)) + (int64_t)k * p.bits;
    case kWordRows: {
      const int in_word = 32 / p.bits;
      return n * (32 * ((inputs + in_word - 1) / in_word)) + 32 * (k / in_word) + p.bits * (k % in_word);
    }
    case kByteRows: return 8 * (n * inputs + k);
    case kAwqGemm: return 32 * (k * (outputs / 8) + n / 8) + 4 * (n % 8 / 2 + 4 * (n % 2));
    case kAwqGemvFast: return 16 * (n / 4 * inputs + 64 * (k / 64) + 16 * (n % 4) + 8 * (k / 32 % 2) + k % 8) + 4 * (k % 32 / 8);
    default: {  // kMarlin, of 4 or 8 bits
      const int lane = 4 * (n % 8) + k % 8 / 2, sixteen = n % 64 / 16, upper = n % 16 / 8, late = k % 16 / 8;
      if (p.bits == 4) return 32 * (k / 16 * 2 * outputs + 128 * (n / 64) + 4 * lane + sixteen) + 4 * (4 * (k % 2) + 2 * upper + late);
      return 32 * (k / 16 * 4 * outputs + 256 * (n / 64) + 8 * lane + 2 * sixteen + upper) + 8 * (2 * (k % 2) + late);
    }
  }
}

__device__ inline uint32_t affine_code(const Part &p, int k, int n) {
  const uint32_t *words = (const uint32_t *)p.codes + n;
  switch (p.order) {
    case kLsbK: return stream_code(words, p.bits, k, p.outputs);
    case kPlanarK: return planar_code(words, p.bits, k, p.outputs);
    case kByteRows: return p.codes[code_address(p, k, n) >> 3] ^ 0x80u;
    default: return bits_at(p.codes, code_address(p, k, n), p.bits);
  }
}

// What was taken off word w of a row of zero points before it was stored.
__device__ inline uint32_t taken_off(const Part &p, int w) {
  if (p.zero_order == kLsbNMinusLegacy) return w % 3 == 0 ? 0x24924924u : w % 3 == 1 ? 0x92492492u : 0x49249249u;
  if (p.zero_order != kLsbNMinusOne) return 0;
  return p.bits == 2 ? 0x55555555u : p.bits == 4 ? 0x11111111u : p.bits == 8 ? 0x01010101u : 0;
}

__device__ inline uint32_t affine_zero(const Part &p, int g, int n) {
  if (p.zero_order == kSymmetric) return 1u << (p.bits - 1);
  if (p.zero_order == kBytes) return p.zeros[(int64_t)g * p.outputs + n];
  const uint32_t *row = (const uint32_t *)p.zeros + g * (((int64_t)p.outputs * p.bits + 31) / 32);
  const int64_t bit = (int64_t)n * p.bits;
  const int w = (int)(bit >> 5), shift = (int)(bit & 31);
  uint32_t zero = (row[w] + taken_off(p, w)) >> shift;
  if (shift + p.bits > 32) zero |= (row[w + 1] + taken_off(p, w + 1)) << (32 - shift);
  // Fields of 3 bit cross words, so that each has lost its one by itself.
  return (zero + (p.zero_order == kLsbNMinusOne && p.bits == 3 ? 1 : 0)) & ((1u << p.bits) - 1);
}

// -- Readers -------------------------------------------------------------------------------------------------------------------------

struct DenseReader {
  const Part &p;
  int64_t start;
  __device__ DenseReader(const Part &part, int n) : p(part), start((int64_t)n * part.inputs) {}
  __device__ float at(int k) const { return read_float(p.codes, p.order, start + k); }
};

struct AffineReader {
  const Part &p;
  int n;
  __device__ AffineReader(const Part &part, int output) : p(part), n(output) {}
  __device__ float at(int k) const {
    const int g = p.places ? p.places[k] : k / p.group_size;
    const float scale = read_float(p.scales, p.scale_type, (int64_t)g * p.outputs + n);
    const float value = (float)((int)affine_code(p, k, n) - (int)affine_zero(p, g, n)) * scale;
    return p.has_factor ? value / p.factor : value;
  }
};

struct MixedReader {
  const Part &p;
  int n;
  __device__ MixedReader(const Part &part, int output) : p(part), n(output) {}
  __device__ float at(int k) const {
    const Place place = ((const Place *)p.places)[k];
    const uint32_t *words = (const uint32_t *)p.codes + (int64_t)place.first_word * p.stored + n;
    const int code = (int)stream_code(words, place.bits, place.row, p.stored);
    const int c = (int)stream_code((const uint32_t *)p.zeros + (int64_t)place.group * (p.stored / 8), 4, n, 1) + 1;
    const float scale = (float)(c * c) * read_float(p.scales, kF16, place.group) * (1.0f / 256.0f);
    return (float)(code - (1 << (place.bits - 1))) * scale;
  }
};

struct BlockReader {
  const Part &p;
  const uint8_t *row;
  __device__ BlockReader(const Part &part, int n) : p(part), row(part.codes + (int64_t)n * (part.inputs / part.group_size) * part.stored) {}
  __device__ float at(int k) const {
    const float value = block_value(p.order, row + (int64_t)(k / p.group_size) * p.stored, k % p.group_size, p.table);
    return p.has_factor ? value * p.factor : value;
  }
};

// src/weights/sparse-24.ts: of every quad of inputs two are kept, whose places are a nibble.
struct Sparse24Reader {
  const Part &p;
  int n;
  __device__ Sparse24Reader(const Part &part, int output) : p(part), n(output) {}
  __device__ float at(int k) const {
    const int t = k / 4;
    const int column = 128 * (n / 64) + 64 * (n / 2 % 2) + 8 * (n % 64 / 8) + 4 * (n % 2) + 2 * (t / 4 % 2) + n / 4 % 2;
    const int places = (int)bits_at(p.zeros, 16 * ((int64_t)(t / 8) * 2 * p.outputs + column) + 4 * (t % 4), 4);
    const int second = (places >> 2) == k % 4;
    if (!second && (places & 3) != k % 4) return 0.0f;
    const int code = (int)bits_at(p.codes, kept_address(2 * t + second), p.bits);
    return (float)(code - (1 << (p.bits - 1))) * read_float(p.scales, p.scale_type, (int64_t)(k / p.group_size) * p.outputs + n);
  }
  __device__ int64_t kept_address(int kept) const {
    const int64_t row = (int64_t)(kept / 16) * (p.outputs * p.bits / 2);
    const int pair = kept % 8 / 2, late = kept % 16 / 8, eight = n % 64 / 8, upper = n / 4 % 2;
    if (p.bits == 4) return 32 * (row + 128 * (n / 64) + 16 * eight + 4 * pair + n % 4) + 4 * (4 * (kept % 2) + 2 * upper + late);
    return 32 * (row + 256 * (n / 64) + 32 * eight + 8 * pair + 2 * (n % 4) + upper) + 8 * (2 * (kept % 2) + late);
  }
};

struct Float8Reader {
  const Part &p;
  int64_t start;
  const float *scales;
  __device__ Float8Reader(const Part &part, int n)
      : p(part), start((int64_t)n * part.inputs), scales((const float *)part.scales + (int64_t)(n / part.stored) * part.groups) {}
  __device__ float at(int k) const {
    const float value = p.table[p.codes[start + k]], scale = scales[k / p.group_size];
    return p.has_factor ? value / scale : value * scale;
  }
};

struct CodebookReader {
  const Part &p;
  int64_t start;
  __device__ CodebookReader(const Part &part, int n) : p(part), start((int64_t)n * part.inputs) {}
  __device__ float at(int k) const {
    const int64_t i = start + k, group = i / p.group_size;
    const int is_high = (int)(i & 1) ^ p.order;
    const float scale = p.scale_table ? p.scale_table[p.scales[group]] : ((const float *)p.scales)[group];
    return p.table[p.codes[i >> 1] >> 4 * is_high & 15] * scale;
  }
};
