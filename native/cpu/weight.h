// How weights come to their memory: the record, and one piece for all that it holds.
#pragma once
#include "fewbit_cpu.h"

// The parts of that piece begin at multiples of 64 bytes.
static inline size_t fb_whole_lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

// A weight of this description with so many bytes, of undefined contents, at `owned`; 0: none there. NULL when memory cannot be had.
fb_weight *fb_weight_take(const fb_weight *description, size_t byte_length);
