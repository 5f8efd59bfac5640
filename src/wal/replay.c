/* Reading entries back: of the log that is open, of one that nobody has open, of bytes. */
#include "wal/wal_private.h"

#include "wal/scan.h"

static enum code visit_frame(const struct frame *frame, wal_visit visit, void *context,
                             struct error *error)
{
    struct wal_entry entry;
    size_t position = 0;
    uint32_t index = 0;
    if (frame->kind != FRAME_ENTRIES) return CODE_OK;
    while (entry_next(frame, &position, &index, &entry)) {
        enum code code = visit(context, &entry, error);
        if (code != CODE_OK) return code;
    }
    return CODE_OK;
}

enum code wal_replay(struct wal *wal, uint64_t from_lsn, wal_visit visit, void *context,
                     struct error *error)
{
    uint64_t to_lsn = wal_durable(wal);
    struct wal_reader *reader = NULL;
    struct wal_entry entry;
    bool found = true;
    enum code code;
    TRY(wal_reader_open(wal, from_lsn, &reader, error));
    while (found) {
        TRY(wal_reader_next(reader, to_lsn, &entry, &found, error));
        if (found) TRY(visit(context, &entry, error));
    }
out:
    wal_reader_close(reader);
    return code;
}

enum code wal_verify(const struct wal_verify_options *options, struct wal_recovery *report,
                     struct error *error)
{
    struct scan scan;
    scan_init(&scan, options->disk, options->directory, options->memory);
    scan.without_store = true;
    scan.visit = options->visit;
    scan.context = options->context;
    enum code code = scan_run(&scan, error);
    scan_report(&scan, report);
    scan_release(&scan);
    return code;
}

enum code wal_decode_segment(struct slice bytes, struct memory *memory, wal_visit visit,
                             void *context, struct error *error)
{
    struct segment_reader reader;
    struct segment_header header;
    struct segment_walk walk;
    struct frame frame;
    bool found = true;
    enum code code = segment_header_decode(bytes, "bytes", &header, error);
    if (code != CODE_OK) return code;
    segment_reader_of_bytes(&reader, bytes, memory);
    segment_walk_init(&walk, &reader, &header);
    while (code == CODE_OK && found) {
        code = segment_walk_next(&walk, &frame, &found, error);
        if (code == CODE_OK && found && visit) code = visit_frame(&frame, visit, context, error);
    }
    segment_reader_release(&reader);
    return code;
}
