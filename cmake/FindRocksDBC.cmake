# RocksDB's C API.  Target: RocksDB::c
find_path(ROCKSDB_INCLUDE_DIR rocksdb/c.h)
find_library(ROCKSDB_LIBRARY rocksdb)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(RocksDBC
  REQUIRED_VARS ROCKSDB_LIBRARY ROCKSDB_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "Install the Debian package librocksdb-dev (scripts/setup.sh does).")
if(RocksDBC_FOUND AND NOT TARGET RocksDB::c)
  add_library(RocksDB::c UNKNOWN IMPORTED)
  set_target_properties(RocksDB::c PROPERTIES IMPORTED_LOCATION ${ROCKSDB_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${ROCKSDB_INCLUDE_DIR})
endif()
