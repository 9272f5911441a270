#pragma once
// wgmma.mma_async of compute capability 9.0a: 64 outputs, 16 inputs and kRows rows by four warps. The first operand is in registers, laid out
// as that of mma.m16n8k16 with warp w having outputs 16w to 16w + 15; the second is in shared memory, k along its rows of 128 bytes.
#include "affine_fragment.cuh"

namespace wgmma {

// Describes rows of 128 bytes (64 inputs) with the 128-byte swizzle, eights of rows 1024 bytes apart, beginning at a multiple of 1024. Each
// 16 inputs further on are 2 more.
__device__ inline uint64_t rows_at(uint32_t shared_address) { return (uint64_t)(shared_address >> 4) | 1ull << 16 | 64ull << 32 | 1ull << 62; }

// Registers written before are as the next products shall see them.
__device__ inline void fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Waits for all groups but the last kPending.
template <int kPending>
__device__ inline void wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

#define FB_D8(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define FB_D16(d, i) FB_D8(d, i), FB_D8(d, i + 8)
#define FB_D32(d, i) FB_D16(d, i), FB_D16(d, i + 16)
#define FB_D64(d, i) FB_D32(d, i), FB_D32(d, i + 32)
#define FB_N8(a, b, c, d, e, f, g, h) "%" #a ",%" #b ",%" #c ",%" #d ",%" #e ",%" #f ",%" #g ",%" #h
#define FB_N16 FB_N8(0, 1, 2, 3, 4, 5, 6, 7) "," FB_N8(8, 9, 10, 11, 12, 13, 14, 15)
#define FB_N32 FB_N16 "," FB_N8(16, 17, 18, 19, 20, 21, 22, 23) "," FB_N8(24, 25, 26, 27, 28, 29, 30, 31)
#define FB_N64                                                                                                     \
  FB_N32 "," FB_N8(32, 33, 34, 35, 36, 37, 38, 39) "," FB_N8(40, 41, 42, 43, 44, 45, 46, 47) "," FB_N8(48, 49, 50, 51, 52, 53, 54, 55) "," FB_N8( \
      56, 57, 58, 59, 60, 61, 62, 63)

// d = a * b, or d + a * b with `adds`. d[4j ...]: outputs g, g, g + 8, g + 8 of rows 8j + 2t, 8j + 2t + 1 for lane 4g + t.
#define FB_MULTIPLY(Number, type, rows, list, count, d_list, a0, a1, a2, a3, b, s)                                                       \
  __device__ inline void multiply(Number, float(&d)[count], const uint32_t(&a)[4], uint64_t b_rows, int adds) {                          \
    asm volatile("{\n.reg .pred adds;\nsetp.ne.b32 adds, %" #s ", 0;\n"                                                                  \
                 "wgmma.mma_async.sync.aligned.m64n" #rows "k16.f32." type "." type " {" list "}, {%" #a0 ",%" #a1 ",%" #a2 ",%" #a3      \
                 "}, %" #b ", adds, 1, 1, 0;\n}"                                                                                         \
                 : d_list                                                                                                                \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b_rows), "r"(adds));                                                  \
  }
#define FB_MULTIPLY_ROWS(Number, type)                                                           \
  FB_MULTIPLY(Number, type, 32, FB_N16, 16, FB_D16(d, 0), 16, 17, 18, 19, 20, 21)                \
  FB_MULTIPLY(Number, type, 64, FB_N32, 32, FB_D32(d, 0), 32, 33, 34, 35, 36, 37)                \
  FB_MULTIPLY(Number, type, 128, FB_N64, 64, FB_D64(d, 0), 64, 65, 66, 67, 68, 69)

FB_MULTIPLY_ROWS(Half, "f16")
FB_MULTIPLY_ROWS(Brain, "bf16")

}  // namespace wgmma
