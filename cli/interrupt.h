/* ^C: cancels the query that runs, or gives up the line that is edited. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <tidal/tidal.h>

/* From here on ^C no longer ends the program.  False: the system refused. */
bool interrupt_catch(void);
/* Which query ^C cancels; NULL: none. */
void interrupt_running(tidal_query *query);
/* Readable once ^C was pressed and nothing took it. */
int interrupt_file(void);
/* Takes what is there. */
void interrupt_take(void);

#endif
