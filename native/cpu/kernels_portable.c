#include "v16_portable.h"

#include "kernels_body.h"
