# SPDX-License-Identifier: Apache-2.0
# cmake -D OUTPUT=x.cc "-D FILES=a.sql;b.sql" -P embed.cmake: the files as one C++ source.
list(SORT FILES)
set(entries "")
set(expected 1)
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+\\.sql$")
    message(FATAL_ERROR "${file}: a migration is named NNNN_what.sql")
  endif()
  math(EXPR number "1${CMAKE_MATCH_1} - 10000")
  if(NOT number EQUAL expected)
    message(FATAL_ERROR "${file}: migration ${expected} is missing")
  endif()
  math(EXPR expected "${expected} + 1")
  file(READ ${file} sql)
  string(APPEND entries "    {${number}, R\"sql(${sql})sql\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from src/store/migrations; do not edit.
#include \"store/sqlite_migrations.h\"

namespace vm0::store {
namespace {

constexpr Migration kMigrations[] = {
${entries}};

}  // namespace

std::span<const Migration> Migrations() { return kMigrations; }

}  // namespace vm0::store
")
