#include "base/error.h"

#include "base/bytes.h"
#include "base/text.h"
#include "harness/test.h"

#include <errno.h>

static void an_error_holds_code_area_and_message_and_nothing_old(struct test *t)
{
    struct error error;
    memset(&error, 0xaa, sizeof error);
    CHECK_EQ(
        error_set(&error, CODE_INVALID, AREA_QUERY, "signal '%s' has no window of %dh", "view", 2),
        CODE_INVALID);
    CHECK_EQ(error.code, CODE_INVALID);
    CHECK_EQ(error.area, AREA_QUERY);
    CHECK_EQ(error.os_error, 0);
    CHECK(error.position == ERROR_NO_POSITION);
    CHECK_TEXT(error.message, "signal 'view' has no window of 2h");
    CHECK_TEXT(error.hint, "");
}

static void hint_and_position_are_added_and_replaced(struct test *t)
{
    struct error error;
    (void)error_set(&error, CODE_INVALID, AREA_QUERY, "no");
    error_hint(&error, "try %d", 1);
    error_hint(&error, "try %d", 2);
    error_at(&error, 17);
    CHECK_TEXT(error.hint, "try 2");
    CHECK_TEXT(error.message, "no");
    CHECK_EQ(error.position, 17);
    (void)error_set(&error, CODE_IO, AREA_OS, "yes");
    CHECK_TEXT(error.hint, "");
    CHECK(error.position == ERROR_NO_POSITION);
}

static void the_code_of_a_system_error_says_what_to_do(struct test *t)
{
    static const struct {
        int os_error;
        enum code code;
    } expected[] = {{ENOSPC, CODE_NO_SPACE},  {EDQUOT, CODE_NO_SPACE}, {EROFS, CODE_READ_ONLY},
                    {EACCES, CODE_READ_ONLY}, {EPERM, CODE_READ_ONLY}, {ENOMEM, CODE_NO_MEMORY},
                    {ENOENT, CODE_NOT_FOUND}, {EIO, CODE_IO},          {EBADF, CODE_IO}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct error error;
        char message[128];
        CHECK_EQ(error_os(&error, AREA_WAL, expected[i].os_error, "cannot write '%s'", "x"),
                 expected[i].code);
        CHECK_EQ(error.os_error, expected[i].os_error);
        snprintf(message, sizeof message, "cannot write 'x': %s", strerror(expected[i].os_error));
        CHECK_TEXT(error.message, message);
        CHECK_EQ(error.area, AREA_WAL);
    }
}

/* Fills message and hint with a text of two-byte characters behind `offset` single bytes. */
static void fill_with_long_text(struct error *error, size_t offset)
{
    char text[600];
    size_t bytes = offset;
    memset(text, 'a', offset);
    for (; bytes < 500; bytes += 2)
        memcpy(text + bytes, "\xc3\xa9", 2);
    text[bytes] = '\0';
    (void)error_set(error, CODE_INVALID, AREA_QUERY, "%s", text);
    error_hint(error, "%s", text);
}

static void a_text_that_is_too_long_is_cut_between_characters(struct test *t)
{
    for (size_t offset = 0; offset < 4; offset++) {
        struct error error;
        size_t bad_at;
        fill_with_long_text(&error, offset);
        size_t message_bytes = strlen(error.message), hint_bytes = strlen(error.hint);
        CHECK(message_bytes >= sizeof error.message - 2);
        CHECK(hint_bytes >= sizeof error.hint - 2);
        CHECK(utf8_valid(slice_of(error.message, message_bytes), &bad_at));
        CHECK(utf8_valid(slice_of(error.hint, hint_bytes), &bad_at));
    }
}

static void a_system_error_behind_a_long_text_is_cut_off(struct test *t)
{
    struct error error;
    size_t bad_at;
    char text[300];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK_EQ(error_os(&error, AREA_OS, ENOSPC, "%s", text), CODE_NO_SPACE);
    CHECK_EQ(strlen(error.message), sizeof error.message - 1);
    CHECK(utf8_valid(slice_of(error.message, strlen(error.message)), &bad_at));
}

static void every_code_and_area_has_a_name_of_its_own(struct test *t)
{
    for (int i = 0; i < CODE_COUNT; i++)
        for (int j = 0; j < i; j++)
            CHECK(strcmp(code_name((enum code)i), code_name((enum code)j)) != 0);
    for (int i = 0; i < AREA_COUNT; i++)
        for (int j = 0; j < i; j++)
            CHECK(strcmp(area_name((enum area)i), area_name((enum area)j)) != 0);
    CHECK_TEXT(code_name(CODE_OK), "ok");
    CHECK_TEXT(code_name(CODE_NOT_RETAINED), "not retained");
    CHECK_TEXT(area_name(AREA_WAL), "log");
    CHECK_TEXT(code_name(CODE_COUNT), "unknown");
    CHECK_TEXT(area_name(AREA_COUNT), "unknown");
}

static enum code fail_at_second(int *calls, struct error *error)
{
    enum code code = CODE_OK;
    TRY((++*calls, CODE_OK));
    TRY((++*calls, error_no_memory(error, AREA_BASE, 12)));
    TRY((++*calls, CODE_OK));
out:
    return code;
}

static void try_leaves_at_the_first_failure(struct test *t)
{
    struct error error;
    int calls = 0;
    CHECK_EQ(fail_at_second(&calls, &error), CODE_NO_MEMORY);
    CHECK_EQ(calls, 2);
    CHECK_TEXT(error.message, "no memory for 12 bytes");
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(an_error_holds_code_area_and_message_and_nothing_old),
               CASE(hint_and_position_are_added_and_replaced),
               CASE(the_code_of_a_system_error_says_what_to_do),
               CASE(a_text_that_is_too_long_is_cut_between_characters),
               CASE(a_system_error_behind_a_long_text_is_cut_off),
               CASE(every_code_and_area_has_a_name_of_its_own),
               CASE(try_leaves_at_the_first_failure));
}
