//===- Chip.cpp - what a chip offers to tile programs ---------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/Utils/Chip.h"

#include "llvm/ADT/StringRef.h"

using namespace mlir;
using namespace mlir::linattn::tile;

/// Shared memory of a thread block, in KB, by compute capability.
static int64_t getSharedKilobytes(int64_t number) {
  switch (number) {
  case 80:
  case 87:
    return 163;
  case 90:
  case 100:
  case 103:
  case 110:
    return 227;
  default:
    return 99;
  }
}

std::optional<Chip> Chip::get(StringRef name) {
  Chip chip;
  if (!name.consume_front("sm_"))
    return std::nullopt;
  chip.isHopper = name == "90a";
  if (chip.isHopper)
    name = name.drop_back();
  if (name.getAsInteger(10, chip.number) || chip.number < 80)
    return std::nullopt;
  chip.sharedBytes = getSharedKilobytes(chip.number) * 1024;
  return chip;
}
