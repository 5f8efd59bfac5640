/* Somebody else's program: compiled as C11 and as C++, against the installed library alone. */
#include <stdio.h>
#include <string.h>
#include <tidal/tidal.h>

int main(void)
{
    tidal_db *db = NULL;
    tidal_error error;
    if (tidal_open(":memory:", NULL, &db, &error) != TIDAL_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    if (tidal_close(db, &error) != TIDAL_OK) return 1;
    puts(tidal_version());
    return strcmp(tidal_version(), TIDAL_VERSION) != 0;
}
