//===- Bytecode.cpp - the bytecode version of the dialect -----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bytecode.h"

#include "linattn/Dialect/Linattn/IR/Linattn.h"

#include "mlir/Bytecode/BytecodeImplementation.h"

using namespace mlir;
using namespace mlir::linattn;

namespace {

/// The version of the ops and attributes in bytecode. To change them in a way
/// that old readers cannot follow, add one, upgrade older programs in
/// `upgradeFromVersion`, and store a program of the old version next to the
/// others in test/Bytecode/Inputs.
constexpr uint64_t currentVersion = 1;

struct LinattnVersion : public DialectVersion {
  LinattnVersion(uint64_t version) : version(version) {}
  uint64_t version;
};

/// Attributes are written as text, which every version can parse; so the
/// version is all there is to say.
struct LinattnBytecodeInterface : public BytecodeDialectInterface {
  LinattnBytecodeInterface(Dialect *dialect)
      : BytecodeDialectInterface(dialect) {}

  void writeVersion(DialectBytecodeWriter &writer) const override {
    writer.writeVarInt(currentVersion);
  }

  std::unique_ptr<DialectVersion>
  readVersion(DialectBytecodeReader &reader) const override {
    uint64_t version;
    if (failed(reader.readVarInt(version)))
      return nullptr;
    if (version < 1 || version > currentVersion) {
      reader.emitError() << "expects the linattn dialect at version "
                         << currentVersion << " or older, but got version "
                         << version;
      return nullptr;
    }
    return std::make_unique<LinattnVersion>(version);
  }
};

} // namespace

void linattn::detail::addBytecodeInterface(LinattnDialect &dialect) {
  dialect.addInterfaces<LinattnBytecodeInterface>();
}
