/* Strict UTF-8 (RFC 3629): what yajl's own check lets through is refused here. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* True when the n bytes are UTF-8: no overlong form, no surrogate, nothing above U+10FFFF. */
bool utf8_valid(const char *s, size_t n);

#endif
