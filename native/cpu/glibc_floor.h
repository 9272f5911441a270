// The build includes this in front of every file. A program linked on a new system asks for the newest version of each function that glibc has
// ever changed, and then does not load on older systems. These four are asked for in their oldest version, which every later glibc keeps:
// exp and log differ from the newest in how they set errno, the two others only in the library that they lived in before 2.34. What remains asks
// for glibc 2.27; Node itself needs 2.28.
#pragma once
#if defined(__linux__)
#include <features.h>
#if defined(__GLIBC__) && defined(__x86_64__)
#define FB_OLDEST "GLIBC_2.2.5"
#elif defined(__GLIBC__) && defined(__aarch64__)
#define FB_OLDEST "GLIBC_2.17"
#endif
#endif

#if defined(FB_OLDEST)
__asm__(".symver exp, exp@" FB_OLDEST);
__asm__(".symver log, log@" FB_OLDEST);
__asm__(".symver pthread_create, pthread_create@" FB_OLDEST);
__asm__(".symver pthread_join, pthread_join@" FB_OLDEST);
#endif
