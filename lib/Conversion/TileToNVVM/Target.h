//===- Target.h - what tile ops become on a chip ----------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_CONVERSION_TILETONVVM_TARGET_H
#define LINATTN_LIB_CONVERSION_TILETONVVM_TARGET_H

#include "Emitter.h"
#include "linattn/Dialect/Tile/Utils/Chip.h"

#include <memory>

namespace mlir {
namespace linattn {
namespace tile {

/// The parameters that a tensor of a kernel becomes: on a target with tensor
/// maps its map, then the address, sizes and strides.
struct Tensor {
  Tensor(ValueRange values, int64_t rank) {
    if (static_cast<int64_t>(values.size()) == 2 * rank + 1) {
      map = values.front();
      values = values.drop_front();
    }
    address = values.front();
    sizes = values.slice(1, rank);
    strides = values.slice(1 + rank, rank - 1);
  }

  Value map, address;
  ValueRange sizes, strides;
};

/// A tile in shared memory and where it lies in a tensor.
struct TileCopy {
  Crew crew;
  Value tile;
  SharedType type;
  GlobalType global;
  ValueRange tensor;
  SmallVector<Value> coordinates;

  Tensor getTensor() const { return Tensor(tensor, coordinates.size()); }
};

/// Where a tile in registers lies in one in shared memory.
struct TilePlace {
  Value tile;
  /// The first unit of eight columns that it takes in each row of a panel, or
  /// null if it starts where the tile does.
  Value unit;
};

/// The operands of a contraction. The left one is an address in shared memory
/// or registers.
struct Contraction {
  int64_t rows = 0, columns = 0, depth = 0;
  Value lhs;
  SharedType lhsType;
  SmallVector<Value> lhsRegisters;
  bool transposeLhs = false;
  Value rhs;
  SharedType rhsType;
  bool transposeRhs = false;
  /// Empty: from zero.
  SmallVector<Value> accumulator;

  /// The four registers of 64 x 16 elements of a left operand in registers.
  ArrayRef<Value> getLhsFragment(int64_t block, int64_t k) const {
    int64_t first =
        (block * (depth / kInstructionDepth) + k / kInstructionDepth) * 4;
    return ArrayRef(lhsRegisters).slice(first, 4);
  }
};

/// The instructions that a chip has for what differs between chips. Layouts in
/// registers and in shared memory are the same on all.
class Target {
public:
  static std::unique_ptr<Target> get(const Chip &chip);
  virtual ~Target();

  virtual bool hasTensorMaps() const = 0;
  /// Whether warpgroups can give registers to others.
  virtual bool movesRegisters() const = 0;

  /// Arrivals that end a phase of a barrier, of which one is that of a load
  /// group of `loadThreads` threads, or none if that is 0.
  virtual int64_t getArrivals(int64_t arrivals, int64_t loadThreads) const = 0;
  /// After one thread has initialised barriers.
  virtual void finishBarrierInit(Emitter &e) const = 0;
  virtual void waitForBarrier(Emitter &e, Value barrier, Value phase) const = 0;
  /// Makes writes to shared memory visible to copies and contractions.
  virtual void fence(Emitter &e) const = 0;

  /// Loads of `bytes` bytes that `emitLoads` emits by `load`. `emitCopies`
  /// emits what the threads copy themselves; null if they copy nothing.
  virtual void loadGroup(Emitter &e, const Crew &crew, Value barrier,
                         int64_t bytes, llvm::function_ref<void()> emitCopies,
                         llvm::function_ref<void()> emitLoads) const = 0;
  /// Of a tensor whose rows consist of units of 16 bytes.
  virtual void load(Emitter &e, const TileCopy &copy, Value barrier) const = 0;
  /// Stores the first `validRows` rows, or all if there is no such value.
  virtual void store(Emitter &e, const TileCopy &copy,
                     Value validRows) const = 0;
  virtual void waitForStores(Emitter &e, const Crew &crew, int64_t unfinished,
                             bool readsOnly) const = 0;

  virtual SmallVector<Value> contract(Emitter &e,
                                      const Contraction &c) const = 0;
  /// The accumulators, when at most `unfinished` contractions are in flight.
  virtual SmallVector<Value> waitForContractions(Emitter &e,
                                                 ArrayRef<Value> accumulators,
                                                 int64_t unfinished) const = 0;
  /// Stores a 16 x 16 block of each warp, rows 16 w on of the block of 64 rows
  /// at `row`, from four registers; if `transposed`, rows are columns of the
  /// tile.
  virtual void storeMatrices(Emitter &e, TilePlace place, SharedType type,
                             bool transposed, int64_t row, int64_t column,
                             ArrayRef<Value> registers) const = 0;
};

std::unique_ptr<Target> createHopperTarget();
std::unique_ptr<Target> createPortableTarget(const Chip &chip);

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_CONVERSION_TILETONVVM_TARGET_H
