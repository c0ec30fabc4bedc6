//===- Support.cpp - errors and checksums of the runtime ------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"

#include <array>
#include <cstdio>
#include <cstring>

using namespace linattn::runtime;

Diagnostic::Diagnostic(linattn_error *error) : error(error) {
  if (!error)
    return;
  error->code = LINATTN_OK;
  error->message[0] = 0;
}

bool Diagnostic::fail(int32_t newCode, const char *format, ...) {
  if (code != LINATTN_OK)
    return false;
  code = newCode;
  if (!error)
    return false;
  error->code = newCode;
  va_list args;
  va_start(args, format);
  vsnprintf(error->message, sizeof(error->message), format, args);
  va_end(args);
  return false;
}

/// Tables to take in eight bytes at a time.
static constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit)
      crc = crc & 1 ? 0xedb88320u ^ (crc >> 1) : crc >> 1;
    tables[0][i] = crc;
  }
  for (int t = 1; t < 8; ++t)
    for (uint32_t i = 0; i < 256; ++i)
      tables[t][i] =
          (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
  return tables;
}();

uint32_t linattn::runtime::computeCrc32(const void *data, size_t size,
                                        uint32_t seed) {
  auto *bytes = static_cast<const unsigned char *>(data);
  uint32_t crc = ~seed;
  for (; size >= 8; size -= 8, bytes += 8) {
    uint32_t low, high;
    memcpy(&low, bytes, 4);
    memcpy(&high, bytes + 4, 4);
    low ^= crc;
    crc = kTables[7][low & 0xff] ^ kTables[6][(low >> 8) & 0xff] ^
          kTables[5][(low >> 16) & 0xff] ^ kTables[4][low >> 24] ^
          kTables[3][high & 0xff] ^ kTables[2][(high >> 8) & 0xff] ^
          kTables[1][(high >> 16) & 0xff] ^ kTables[0][high >> 24];
  }
  for (; size; --size, ++bytes)
    crc = kTables[0][(crc ^ *bytes) & 0xff] ^ (crc >> 8);
  return ~crc;
}

static constexpr struct {
  const char *name;
  int64_t bytes;
} kDtypes[] = {{"?", 0},    {"f32", 4}, {"f16", 2}, {"bf16", 2}, {"f64", 8},
               {"bool", 1}, {"i8", 1},  {"i16", 2}, {"i32", 4},  {"i64", 8}};

static bool isDtype(int64_t dtype) {
  return dtype >= LINATTN_F32 && dtype <= LINATTN_I64;
}

const char *linattn::runtime::getDtypeName(int64_t dtype) {
  return kDtypes[isDtype(dtype) ? dtype : 0].name;
}

int64_t linattn::runtime::getDtypeBytes(int64_t dtype) {
  return kDtypes[isDtype(dtype) ? dtype : 0].bytes;
}
