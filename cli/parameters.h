/* Values for $parameters from the command line: --param name=value.
 *
 *     42 -3            integer        true false       boolean
 *     0.5              number         'text' or text   text
 *     [1, 2]           list of ids    ["a", "b"]       list of texts
 *     [0.5, 1]         vector */
#ifndef CLI_PARAMETERS_H
#define CLI_PARAMETERS_H

#include <tidal/tidal.h>

struct parameter;

struct parameters {
    struct parameter *list;
    size_t count, capacity;
};

/* `text` is name=value; copied.  False, with a message on stderr, if it is neither. */
bool parameters_add(struct parameters *parameters, const char *text);
/* Binds those that the statement has. */
tidal_code parameters_bind(const struct parameters *parameters, tidal_query *query,
                           tidal_error *error);
void parameters_release(struct parameters *parameters);

#endif
