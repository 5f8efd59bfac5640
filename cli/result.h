/* Rows of a statement on paper: an aligned table, JSON or CSV. */
#ifndef CLI_RESULT_H
#define CLI_RESULT_H

#include <tidal/tidal.h>

#include <stdio.h>

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV };

/* False: there is no such format. */
bool format_find(const char *name, enum format *format);

/* Steps `query` to its end and prints its rows; *rows counts them.  A statement without columns
 * prints nothing.  What was printed before an error stays. */
tidal_code result_print(tidal_query *query, enum format format, FILE *out, uint64_t *rows,
                        tidal_error *error);

#endif
