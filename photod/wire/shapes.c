#include "photod/wire/message.h"

#define SHAPES "photod/wire/shapes.def"
#include "photod/wire/shape_codecs.inc"
