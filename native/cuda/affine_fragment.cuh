#pragma once
// From packed codes to a tensor core's first operand: pairs of f16 or bf16 numbers code - zero, which are exact.
//
// The bits of a code below the exponent of a power of two make a float: 0x6400 | c is the f16 1024 + c, and with c shifted up by p bits it
// is 1024 + c * 2^p. One fused multiply-add by 2^-p takes away the 1024 and the zero point without rounding. So a pair of codes costs
// one lop3 and one fma, and a shift for every 10 (f16) or 7 (bf16) bits: 9 instructions for 8 codes of 4 bits in f16, 11 in bf16.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "affine_layout.cuh"
#include "params.h"

struct Half {
  static constexpr int kType = kF16;
  static constexpr int kMantissa = 10;
  static constexpr uint32_t kMagic = 0x64006400u;
  static constexpr float kMagicValue = 1024.0f;

  __device__ static uint32_t pack(float low, float high) {
    const __half2 pair = __floats2half2_rn(low, high);
    return *reinterpret_cast<const uint32_t *>(&pair);
  }
  __device__ static uint32_t fma(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t d;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
  }
  __device__ static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t d;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
    return d;
  }
  __device__ static uint32_t add(uint32_t a, uint32_t b) {
    uint32_t d;
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
    return d;
  }
  static constexpr uint32_t kOnes = 0x3c003c00u;
  __device__ static float to_float(uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
  __device__ static void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
};

struct Brain {
  static constexpr int kType = kBF16;
  static constexpr int kMantissa = 7;
  static constexpr uint32_t kMagic = 0x43004300u;
  static constexpr float kMagicValue = 128.0f;

  __device__ static uint32_t pack(float low, float high) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<const uint32_t *>(&pair);
  }
  __device__ static uint32_t fma(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t d;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
  }
  __device__ static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t d;
    asm("mul.rn.bf16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
    return d;
  }
  __device__ static uint32_t add(uint32_t a, uint32_t b) {
    uint32_t d;
    asm("add.rn.bf16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
    return d;
  }
  static constexpr uint32_t kOnes = 0x3f803f80u;
  __device__ static float to_float(uint16_t bits) { return __uint_as_float((uint32_t)bits << 16); }
  __device__ static void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
};

namespace affine {

// (word & mask) | bits in one instruction, which the compiler makes two of where both are constants.
__device__ inline uint32_t select_or(uint32_t word, uint32_t mask, uint32_t bits) {
  uint32_t d;
  asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(d) : "r"(word), "r"(mask), "r"(bits));
  return d;
}

// One lane's codes of a record, and what is taken from them.
template <int kBits, typename Number>
struct Fragments {
  static constexpr int kWords = 2 * kBits;
  static constexpr int kPlaces = kBits == 8 ? 1 : (Number::kMantissa + kBits - 1) / kBits;

  uint32_t words[kWords];
  uint32_t minus[2][kPlaces];  // of outputs 0-7 and 8-15: -(magic * 2^-p + zero) twice, for p = kBits * index; 8-bit bf16: an f32

  // `record` is in shared memory.
  __device__ void load(const uint8_t *record, int lane) {
#pragma unroll
    for (int w = 0; w < kWords; w += 4) {
      const uint8_t *from = record + word_offset(kBits, lane, w);
      if (w + 4 <= kWords) {
        const uint4 v = *reinterpret_cast<const uint4 *>(from);
        words[w] = v.x, words[w + 1] = v.y, words[w + 2] = v.z, words[w + 3] = v.w;
      } else {
        const uint2 v = *reinterpret_cast<const uint2 *>(from);
        words[w] = v.x, words[w + 1] = v.y;
      }
    }
  }

  __device__ void set_zero(int row, float zero) {
    if constexpr (kBits == 8 && Number::kMantissa < 8) {
      minus[row][0] = __float_as_uint(-(8388608.0f + zero));
    } else {
#pragma unroll
      for (int i = 0; i < kPlaces; i++) {
        const float value = -(Number::kMagicValue / (float)(1 << (kBits * i)) + zero);
        minus[row][i] = Number::pack(value, value);
      }
    }
  }

  // The operand of a step. `step` is to be a constant once loops are unrolled.
  __device__ void operand(int step, uint32_t (&a)[4]) const {
#pragma unroll
    for (int pair = 0; pair < 4; pair++) a[pair] = numbers(step, pair);
  }

  // The same without taking anything away: numbers magic + code * 2^p, where p is that of the row, raised_by(row). What a product of
  // these has too much is (magic + zero * 2^p) times the sum of the inputs. Saves a fma for each pair.
  static constexpr bool kRaisable = kBits < 8 || Number::kMantissa >= 8;
  __device__ static constexpr int raised_by(int row) { return row == 0 || kBits == 8 || kBits * 2 > Number::kMantissa ? 0 : kBits; }
  __device__ void raised_operand(int step, uint32_t (&a)[4]) const {
#pragma unroll
    for (int pair = 0; pair < 4; pair++) a[pair] = raised(step, pair);
  }

 private:
  __device__ uint32_t raised(int step, int pair) const {
    const Place at = place(kBits, step, pair);
    if constexpr (kBits == 8) {
      return __byte_perm(words[at.word], 0x64646464u, at.bit / 8 | 0x4040 | (at.bit / 8 + 2) << 8);
    } else {
      const int up = raised_by(pair % 2);
      if (kBits == 3 && pair_of_three(step, pair) == kSparePair) return spare_codes(step, up);
      const int shift = at.bit - up;
      return select_or(shift < 0 ? words[at.word] << -shift : words[at.word] >> shift, kMask << up, Number::kMagic);
    }
  }

  static constexpr uint32_t kMask = 0x00010001u * ((1u << kBits) - 1);

  // The sixteenth pair of three words, whose bits are their bits 15 and 31, raised by `up`.
  __device__ uint32_t spare_codes(int step, int up) const {
    const uint32_t *three = words + step / 4 * 3;
    const uint32_t two = select_or(three[0] >> (15 - up), 0x00010001u << up, select_or(three[1] >> (14 - up), 0x00020002u << up, Number::kMagic));
    return select_or(three[2] >> (13 - up), 0x00040004u << up, two);
  }

  __device__ uint32_t numbers(int step, int pair) const {
    const Place at = place(kBits, step, pair);
    if constexpr (kBits == 8) {
      return bytes(words[at.word], at.bit / 8, pair % 2);
    } else {
      if (kBits == 3 && pair_of_three(step, pair) == kSparePair)
        return Number::fma(spare_codes(step, 0), Number::pack(1.0f, 1.0f), minus[pair % 2][0]);
      const int shift = shift_of(kBits, Number::kMantissa, at.bit), up = at.bit - shift;
      const uint32_t magic = select_or(words[at.word] >> shift, kMask << up, Number::kMagic);
      const float down = 1.0f / (float)(1 << up);
      return Number::fma(magic, Number::pack(down, down), minus[pair % 2][up / kBits]);
    }
  }

  // Bytes `first` and `first` + 2 of a word. bf16 has no room for a byte below its exponent: by way of f32, whose 2^23 + c is exact.
  __device__ uint32_t bytes(uint32_t word, int first, int row) const {
    if constexpr (Number::kMantissa >= 8) {
      const uint32_t magic = __byte_perm(word, 0x64646464u, first | 0x4040 | (first + 2) << 8);
      return Number::fma(magic, Number::pack(1.0f, 1.0f), minus[row][0]);
    } else {
      const float minus_zero = __uint_as_float(minus[row][0]);
      const float low = __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7440 | first)) + minus_zero;
      const float high = __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7440 | (first + 2))) + minus_zero;
      return Number::pack(low, high);
    }
  }
};

}  // namespace affine
