/* The text is read line by line, and only in the one form in which it is written. */
#include "audit/manifest.h"

#include "wal/digest.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define TITLE "tidalDB backup\n"

void manifest_init(struct manifest *manifest, struct memory *memory)
{
    *manifest = (struct manifest){.memory = memory};
}

void manifest_release(struct manifest *manifest)
{
    memory_free(manifest->memory, manifest->files,
                manifest->file_capacity * sizeof *manifest->files);
    *manifest = (struct manifest){.memory = manifest->memory};
}

bool manifest_path_fits(struct slice path)
{
    const char *text = (const char *)path.data;
    size_t start = 0;
    if (path.bytes > 6 && memcmp(text, "store/", 6) == 0) start = 6;
    if (path.bytes > 4 && memcmp(text, "wal/", 4) == 0) start = 4;
    if (start == 0 || path.bytes >= DISK_PATH_BYTES || text[start] == '.') return false;
    for (size_t i = start; i < path.bytes; i++) {
        char c = text[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_') return false;
    }
    return true;
}

enum code manifest_add(struct manifest *manifest, const struct manifest_file *file,
                       struct error *error)
{
    assert(manifest_path_fits(slice_of(file->path, strlen(file->path))));
    void *files = manifest->files;
    if (manifest->file_count == MANIFEST_FILES_MAXIMUM)
        return error_set(error, CODE_LIMIT, AREA_ENGINE, "a backup has more than %d files",
                         MANIFEST_FILES_MAXIMUM);
    if (!memory_grow(manifest->memory, &files, &manifest->file_capacity, manifest->file_count + 1,
                     sizeof *file, MANIFEST_FILES_MAXIMUM))
        return error_no_memory(error, AREA_ENGINE, sizeof *file);
    manifest->files = files;
    manifest->files[manifest->file_count++] = *file;
    return CODE_OK;
}

static void print_hex(struct buffer *out, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%02x", bytes[i]);
}

static void hash_text(struct slice text, uint8_t hash[DIGEST_BYTES])
{
    struct digest digest;
    digest_init(&digest);
    digest_bytes(&digest, text);
    digest_finish(&digest, hash);
}

void manifest_print(const struct manifest *manifest, struct buffer *out)
{
    uint8_t hash[DIGEST_BYTES];
    size_t start = out->bytes;
    buffer_printf(out, TITLE "format %d\nid ", MANIFEST_FORMAT);
    print_hex(out, manifest->id, sizeof manifest->id);
    buffer_printf(out, "\ncheckpoint %" PRIu64 "\nlsn %" PRIu64 "\nfiles %zu\n",
                  manifest->checkpoint, manifest->last_lsn, manifest->file_count);
    for (size_t i = 0; i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];
        print_hex(out, file->hash, sizeof file->hash);
        buffer_printf(out, " %" PRIu64 " %s\n", file->bytes, file->path);
    }
    if (out->failed) return;
    hash_text(slice_of(out->data + start, out->bytes - start), hash);
    buffer_append(out, "end ", 4);
    print_hex(out, hash, sizeof hash);
    buffer_put_u8(out, '\n');
}

/* --- Reading --- */

static bool take(struct slice *text, const char *expected)
{
    size_t bytes = strlen(expected);
    if (text->bytes < bytes || memcmp(text->data, expected, bytes) != 0) return false;
    *text = slice_of(text->data + bytes, text->bytes - bytes);
    return true;
}

/* Up to `end`, which is taken as well. */
static bool take_until(struct slice *text, char end, struct slice *taken)
{
    const uint8_t *at = text->bytes > 0 ? memchr(text->data, end, text->bytes) : NULL;
    if (!at) return false;
    *taken = slice_of(text->data, (size_t)(at - text->data));
    *text = slice_of(at + 1, text->bytes - taken->bytes - 1);
    return true;
}

/* Digits without a leading zero. */
static bool take_number(struct slice *text, char end, uint64_t *number)
{
    struct slice digits;
    if (!take_until(text, end, &digits) || digits.bytes == 0) return false;
    if (digits.bytes > 1 && digits.data[0] == '0') return false;
    *number = 0;
    for (size_t i = 0; i < digits.bytes; i++) {
        unsigned digit = (unsigned)digits.data[i] - '0';
        if (digit > 9 || *number > (UINT64_MAX - digit) / 10) return false;
        *number = *number * 10 + digit;
    }
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(struct slice *text, char end, uint8_t *bytes, size_t count)
{
    struct slice digits;
    if (!take_until(text, end, &digits) || digits.bytes != 2 * count) return false;
    for (size_t i = 0; i < count; i++) {
        int high = hex_digit(digits.data[2 * i]), low = hex_digit(digits.data[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool take_file(struct slice *text, struct manifest_file *file)
{
    struct slice path;
    *file = (struct manifest_file){0};
    if (!take_hex(text, ' ', file->hash, sizeof file->hash) ||
        !take_number(text, ' ', &file->bytes) || !take_until(text, '\n', &path) ||
        !manifest_path_fits(path))
        return false;
    memcpy(file->path, path.data, path.bytes);
    return true;
}

static enum code damaged(struct slice whole, struct slice rest, struct error *error)
{
    error_set(error, CODE_CORRUPT, AREA_ENGINE, "'" MANIFEST_FILE "' is damaged");
    error_at(error, whole.bytes - rest.bytes);
    error_hint(error, "use another backup");
    return CODE_CORRUPT;
}

/* All of it but the last line. */
static enum code parse_body(struct slice whole, struct slice *text, struct manifest *manifest,
                            struct error *error)
{
    uint64_t count;
    enum code code;
    if (!take(text, "id ") || !take_hex(text, '\n', manifest->id, sizeof manifest->id) ||
        !take(text, "checkpoint ") || !take_number(text, '\n', &manifest->checkpoint) ||
        !take(text, "lsn ") || !take_number(text, '\n', &manifest->last_lsn) ||
        !take(text, "files ") || !take_number(text, '\n', &count) || count > MANIFEST_FILES_MAXIMUM)
        return damaged(whole, *text, error);
    for (uint64_t i = 0; i < count; i++) {
        struct manifest_file file;
        const struct manifest_file *before = i > 0 ? &manifest->files[i - 1] : NULL;
        if (!take_file(text, &file) || (before && strcmp(before->path, file.path) >= 0))
            return damaged(whole, *text, error);
        TRY(manifest_add(manifest, &file, error));
    }
    code = CODE_OK;
out:
    return code;
}

enum code manifest_parse(struct slice text, struct manifest *manifest, struct error *error)
{
    uint8_t hash[DIGEST_BYTES], said[DIGEST_BYTES];
    struct slice rest = text;
    uint64_t format;
    if (!take(&rest, TITLE "format ") || !take_number(&rest, '\n', &format) || format == 0)
        return damaged(text, rest, error);
    if (format > MANIFEST_FORMAT) {
        error_set(error, CODE_VERSION, AREA_ENGINE,
                  "the backup has format %" PRIu64 ", this library reads up to %d", format,
                  MANIFEST_FORMAT);
        error_hint(error, "use the version that wrote it, or a newer one");
        return CODE_VERSION;
    }
    enum code code = parse_body(text, &rest, manifest, error);
    if (code != CODE_OK) return code;
    hash_text(slice_of(text.data, text.bytes - rest.bytes), hash);
    if (!take(&rest, "end ") || !take_hex(&rest, '\n', said, sizeof said) || rest.bytes > 0 ||
        memcmp(hash, said, sizeof hash) != 0)
        return damaged(text, rest, error);
    return CODE_OK;
}
