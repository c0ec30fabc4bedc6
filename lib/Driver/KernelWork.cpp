//===- KernelWork.cpp - what a kernel does for a chunk --------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelWork.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::linattn;

/// Operations of matrix instructions that an H200 does in the time of a byte:
/// 989 TFLOP/s of 16 bits, and 4.8 TB/s.
static constexpr int64_t kOperationsPerByte = 206;

std::optional<KernelWork> KernelWork::get(tile::KernelOp kernel) {
  KernelWork work;
  kernel.walk([&](Operation *op) {
    if (!op->getParentOfType<scf::ForOp>())
      return;
    auto role = op->getParentOfType<tile::RoleOp>();
    int64_t groups = role && !role.getOfWarps() ? role.getCount() : 1;
    if (auto group = dyn_cast<tile::LoadGroupOp>(op)) {
      work.stages = group.getBarrier().getType().getStages();
    } else if (auto load = dyn_cast<tile::LoadOp>(op)) {
      work.bytes += load.getDestination().getType().getTileBytes();
    } else if (auto load = dyn_cast<tile::VectorLoadOp>(op)) {
      work.bytes += load.getResult().getType().getSize() *
                    (load.getElement().getIntOrFloatBitWidth() / 8);
    } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
      work.bytes += groups * store.getSource().getType().getTileBytes();
    } else if (auto contract = dyn_cast<tile::ContractOp>(op)) {
      auto [rows, columns] =
          tile::getRegisterTileShape(contract.getResult().getType());
      tile::SharedType rhs = contract.getRhs().getType();
      int64_t depth =
          contract.getTransposeRhs() ? rhs.getRows() : rhs.getColumns();
      work.operations += groups * 2 * rows * columns * depth;
    }
  });
  if (work.stages == 0)
    return std::nullopt;
  return work;
}

std::string KernelWork::describe(bool isHopper) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << stages << (stages == 1 ? " stage" : " stages") << "; for a chunk "
     << bytes << " bytes and " << operations
     << " operations of matrix instructions";
  if (isHopper)
    os << ", so that "
       << (operations < kOperationsPerByte * bytes ? "memory"
                                                   : "matrix instructions")
       << " should limit it";
  return text;
}
