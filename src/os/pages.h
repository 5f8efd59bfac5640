/* Large pages: memory that is read all over the place is found sooner in pages of 2 MiB than of
 * 4 KiB.  any thread. */
#ifndef TIDAL_OS_PAGES_H
#define TIDAL_OS_PAGES_H

#include <stddef.h>

/* Asks the system to back the block, which begins at such a page, by them.  It may not: that is as
 * good, but slower. */
void pages_ask_large(void *block, size_t bytes);

#endif
