/* The file `tidal.format` says what a directory is: four lines of text, so that a person can read
 * it as well.  It is made before anything else, under a temporary name, and never changed.
 *
 *     tidalDB database
 *     format 1
 *     written by 0.1.0
 *     id 0123456789abcdef0123456789abcdef
 */
#include "engine/identity.h"

#include "os/entropy.h"

#include <stdio.h>
#include <string.h>

#define IDENTITY_TEMPORARY "tidal.format.tmp"
#define IDENTITY_TITLE     "tidalDB database\n"
#define IDENTITY_FORMAT    1
#define WRITTEN_BY         "0.1.0"

enum { IDENTITY_BYTES_MAXIMUM = 256 };

static bool parse_id(const char *hex, uint8_t id[16])
{
    for (int i = 0; i < 16; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1) return false;
        id[i] = (uint8_t)byte;
    }
    return true;
}

static enum code identity_parse(const char *text, uint8_t id[16], struct error *error)
{
    if (strncmp(text, IDENTITY_TITLE, strlen(IDENTITY_TITLE)) != 0) {
        error_set(error, CODE_INVALID, AREA_ENGINE, "'%s' is not of a tidalDB database",
                  IDENTITY_FILE);
        error_hint(error, "open another directory");
        return CODE_INVALID;
    }
    unsigned format;
    char writer[32] = "", hex[33] = "";
    const char *rest = text + strlen(IDENTITY_TITLE);
    int fields = sscanf(rest, "format %u written by %31s id %32[0-9a-f]", &format, writer, hex);
    if (fields >= 1 && format > IDENTITY_FORMAT) {
        error_set(error, CODE_VERSION, AREA_ENGINE,
                  "the database has format %u, this library reads up to %u", format,
                  IDENTITY_FORMAT);
        error_hint(error, "it was written by tidalDB %s: use that version or a newer one",
                   fields >= 2 ? writer : "(unknown)");
        return CODE_VERSION;
    }
    if (fields != 3 || strlen(hex) != 32 || !parse_id(hex, id)) {
        return error_set(error, CODE_CORRUPT, AREA_ENGINE, "'%s' is damaged", IDENTITY_FILE);
    }
    return CODE_OK;
}

static enum code identity_read(struct disk *disk, uint8_t id[16], struct error *error)
{
    char text[IDENTITY_BYTES_MAXIMUM + 1];
    size_t bytes = 0;
    struct disk_file *file = NULL;
    enum code code;
    TRY(disk_open(disk, IDENTITY_FILE, DISK_READ_ONLY, &file, error));
    TRY(disk_read(file, 0, text, IDENTITY_BYTES_MAXIMUM, &bytes, error));
    text[bytes] = '\0';
    code = identity_parse(text, id, error);
out:
    disk_close(file);
    return code;
}

enum code identity_write(struct disk *disk, const uint8_t id[16], struct error *error)
{
    char text[IDENTITY_BYTES_MAXIMUM];
    struct disk_file *file = NULL;
    bool exists;
    enum code code;
    int bytes = snprintf(text, sizeof text, IDENTITY_TITLE "format %d\nwritten by %s\nid ",
                         IDENTITY_FORMAT, WRITTEN_BY);
    for (int i = 0; i < 16; i++)
        bytes += snprintf(text + bytes, sizeof text - (size_t)bytes, "%02x", id[i]);
    bytes += snprintf(text + bytes, sizeof text - (size_t)bytes, "\n");

    TRY(disk_exists(disk, IDENTITY_TEMPORARY, &exists, error));
    if (exists) TRY(disk_remove(disk, IDENTITY_TEMPORARY, error));
    TRY(disk_create(disk, IDENTITY_TEMPORARY, &file, error));
    TRY(disk_write(file, 0, text, (size_t)bytes, error));
    TRY(disk_sync(file, error));
    TRY(disk_rename(disk, IDENTITY_TEMPORARY, IDENTITY_FILE, error));
    TRY(disk_sync_directory(disk, "", error));
out:
    disk_close(file);
    return code;
}

/* Nothing but what a first open that was cut short leaves behind? */
static enum code directory_is_fresh(struct disk *disk, struct memory *memory, bool *fresh,
                                    struct error *error)
{
    struct disk_names names = {.memory = memory};
    *fresh = true;
    enum code code = disk_list(disk, "", memory, &names, error);
    for (size_t i = 0; code == CODE_OK && i < names.count; i++) {
        if (strcmp(names.names[i], LOCK_FILE) != 0 &&
            strcmp(names.names[i], IDENTITY_TEMPORARY) != 0) {
            *fresh = false;
        }
    }
    disk_names_release(&names);
    return code;
}

static enum code find(struct disk *disk, bool may_create, bool *exists, struct error *error)
{
    bool fresh;
    enum code code;
    TRY(disk_exists(disk, IDENTITY_FILE, exists, error));
    if (*exists) return CODE_OK;
    TRY(directory_is_fresh(disk, disk->memory, &fresh, error));
    if (!fresh) {
        error_set(error, CODE_INVALID, AREA_ENGINE,
                  "the directory is not a tidalDB database: it holds other files and no '%s'",
                  IDENTITY_FILE);
        error_hint(error, "name an empty or a new directory");
        return CODE_INVALID;
    }
    if (!may_create) {
        error_set(error, CODE_NOT_FOUND, AREA_ENGINE, "there is no database in this directory");
        error_hint(error, "open it without must_exist and read_only to create one");
        return CODE_NOT_FOUND;
    }
out:
    return code;
}

enum code identity_check(struct disk *disk, bool may_create, struct error *error)
{
    bool exists;
    return find(disk, may_create, &exists, error);
}

enum code identity_open(struct disk *disk, bool may_create, const uint8_t *of, uint8_t id[16],
                        struct error *error)
{
    bool exists;
    enum code code;
    TRY(find(disk, may_create, &exists, error));
    if (!exists) {
        if (of) memcpy(id, of, 16);
        if (!of) TRY(entropy_fill(id, 16, error));
        return identity_write(disk, id, error);
    }
    TRY(identity_read(disk, id, error));
    /* The name may be seen and not be durable: a first open may have died between the two. */
    if (may_create) code = disk_sync_directory(disk, "", error);
out:
    return code;
}
