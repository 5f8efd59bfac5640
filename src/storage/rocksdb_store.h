/* The store on RocksDB: a column family a keyspace, one write batch for all of them. */
#ifndef TIDAL_STORAGE_ROCKSDB_STORE_H
#define TIDAL_STORAGE_ROCKSDB_STORE_H

#include "storage/store.h"

struct rocksdb_store_options {
    bool create;    /* where there is none */
    bool read_only; /* nothing is written; the last flushed or logged state is read */
};

/* The store in the directory `path`.  CODE_BUSY: somebody else has it open. */
MUST_USE enum code rocksdb_store_open(const char *path, const struct rocksdb_store_options *options,
                                      struct memory *memory, struct store **store,
                                      struct error *error);

/* What a RocksDB error text means: it has no codes in C. */
enum code rocksdb_classify(const char *text);

#endif
