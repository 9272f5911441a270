// Memory for weights, in large pages where the system has them: a step reads all weights once, and with pages of 4 KiB the look-ups of addresses
// cost 40% of the bandwidth (13.5 against 23 GB/s on one core of a virtual machine).
#pragma once
#include <stddef.h>

// 64-byte aligned, contents undefined; NULL when there is none. Thread-safe.
void *fb_memory_take(size_t bytes);
void fb_memory_give(void *memory);
