//===- TileProgram.h - the tile program of a kernel -------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_PLANNER_TILEPROGRAM_H
#define LINATTN_LIB_PLANNER_TILEPROGRAM_H

#include "AssertedSizes.h"
#include "KernelFrame.h"
#include "Plan.h"
#include "TileExpression.h"

namespace mlir {
namespace linattn {

inline RankedTensorType getTileType(Value tile) {
  return cast<RankedTensorType>(tile.getType());
}

/// One tile of a ring in shared memory.
Value getStage(OpBuilder &b, Location loc, Value ring, Value index);

/// Writes the roles of a tile program: one loads, the others compute.
class TileProgram {
public:
  /// `part` is the number of this thread block among those that share an
  /// iteration.
  TileProgram(const KernelBody &body, const Plan &plan, KernelFrame &frame,
              tile::KernelOp kernel, const AssertedSizes &asserted, Value part);

  LogicalResult emit();

private:
  /// A place in a ring.
  struct Slot {
    Value stage, phase;
  };
  /// Tiles in registers, by what they are the value of.
  using Leaves = DenseMap<Value, Value>;
  Slot getNext(OpBuilder &b, Slot slot);

  void allocate();
  LogicalResult emitProducer();
  LogicalResult emitVectorRole();
  /// The iterations of a role that fills slots. Those from `end` on are not
  /// there: they are filled because they are asked for, and not used.
  struct ProducerLoop {
    Value lower, upper, step, end;
  };
  FailureOr<ProducerLoop> getProducerLoop();
  /// A vector of this iteration from global memory, or none if it does not
  /// exist.
  FailureOr<Value> loadVector(Value vector, Value exists);
  /// A vector in the warp that computes it.
  FailureOr<Value> getVector(Value vector, DenseMap<Value, Value> &computed);
  /// A vector where those who compute tiles find it.
  Value getSharedVector(Value vector, Slot slot);
  LogicalResult emitConsumer();
  /// Waits for the tiles of a chunk and makes rows outside of tensors zero.
  LogicalResult acquire(Slot slot);
  Value getLoaded(Value tile, Slot slot);

  // What follows adds to the consumer, at `b`.
  LogicalResult emitIteration(Slot slot, Value next,
                              SmallVectorImpl<Value> &states,
                              SmallVectorImpl<Value> &operands);
  LogicalResult issueAll(Slot slot, Slot nextSlot, Value next);
  /// Finds what a plan with `early` can do a chunk ahead.
  void findEarly();
  /// Issues what needs only the tiles of `slot`, as of iteration `iteration`.
  LogicalResult issueEarly(Slot slot, Value iteration);
  /// Computes operands from what was issued, those in shared memory into buffer
  /// `buffer` of two.
  LogicalResult finishEarly(Slot slot, Value iteration, Value buffer,
                            SmallVectorImpl<Value> &operands);
  Value wait(Value unfinished);
  /// Rounds outputs into buffers of their own.
  LogicalResult stageOutputs(SmallVectorImpl<Value> &stages);
  /// What a carried element is computed from.
  FailureOr<Value> getCarried(Value scalar);
  LogicalResult issue(const Contraction &contraction, Slot slot,
                      DenseMap<Value, Value> &results);
  /// The same for one whose left operand is a state: some of the depth after
  /// the other.
  FailureOr<Value> issueHeld(const Contraction &contraction, Slot slot);
  FailureOr<Value> getOperand(const Contraction &contraction, bool isLhs,
                              Slot slot);
  /// Writes an operand to shared memory.
  LogicalResult stage(Value tile);
  /// Writes operands to shared memory that wait for nothing but what has been
  /// issued.
  LogicalResult stageReady();
  /// Whether states leave few registers for the rest.
  bool isTight() const;
  FailureOr<Value> getAccumulator(Value tile);
  /// What the carried tile `tile` starts from.
  FailureOr<Value> getInitial(Value tile, Value init);
  /// A loop in front of the one over chunks.
  LogicalResult emitPrologue(scf::ForOp prologue);
  /// Some columns of a tile; all of them if `count` is 0.
  struct Columns {
    int64_t first = 0, count = 0;
  };
  /// Computes a tile in registers, as an accumulator or, with an element type,
  /// as an operand. `leaves` are tiles that are in registers already. Only of a
  /// tile that is computed from accumulators can there be some columns.
  FailureOr<Value> map(Value tile, Type operandElement, bool transposed,
                       Slot slot, const Leaves &leaves, Columns part);
  FailureOr<Value> map(Value tile, Type operandElement, bool transposed,
                       Slot slot, const Leaves &leaves) {
    return map(tile, operandElement, transposed, slot, leaves, Columns());
  }
  /// Rounds a tile into shared memory.
  LogicalResult publish(Value tile, Value buffer, Slot slot,
                        const Leaves &leaves, bool transposed = false);
  LogicalResult publishStates(ArrayRef<Value> states);
  LogicalResult store(const OutputStore &output, Value buffer);
  LogicalResult storeElements(const OutputStore &output);
  /// Stores an element for which there is one thread.
  LogicalResult storeElement(const OutputStore &output);
  void sync();
  /// All warpgroups meet.
  void syncAll();

  bool isClipped(const Access &access, unsigned dim,
                 RankedTensorType type) const;
  /// The number of an element within the whole tile, from that within the part
  /// of this warpgroup.
  Value getGlobalIndex(OpBuilder &at, Value tile, unsigned dim, Value index);
  /// The first column of a shared tile that this warpgroup computes.
  Value getSharedColumn(OpBuilder &at, Value tile);
  std::pair<int64_t, int64_t> getLocalShape(Value tile) const;
  /// The part of this warpgroup of a tile in shared memory that the thread
  /// block has its part of.
  FailureOr<Value> getPart(Value tile, Value shared);
  Value constant(int64_t value);

  const KernelBody &body;
  const Plan &plan;
  KernelFrame &frame;
  tile::KernelOp kernel;
  const AssertedSizes &asserted;
  Location loc;
  OpBuilder b;

  llvm::MapVector<Value, Value> rings, vectorRings;
  DenseMap<Value, Value> published, staging;
  /// Buffers that have been written in the current iteration.
  DenseMap<Value, Value> staged;
  /// Those of them that other warpgroups may not have written yet.
  DenseSet<Value> unmet;
  llvm::MapVector<Value, Type> buffers;
  Value full, empty, group, syncId;
  /// Along what is cut: where the part of the thread block starts, where in it
  /// that of the warpgroup, and where in the whole.
  Value blockColumn, groupColumn, firstColumn;
  Value part;
  /// The number of an iteration modulo two.
  Value turn;
  Slot current;
  /// The outputs of the loop that are copied.
  SmallVector<const OutputStore *> copied;
  /// The carried elements of the next iteration.
  SmallVector<Value> scalars;
  SmallVector<unsigned> order;
  /// Contractions that are issued a chunk ahead, and those whose left operand
  /// is computed from them, a chunk ahead too.
  SmallVector<const Contraction *> early, ahead;
  /// Operands in shared memory that are computed a chunk ahead.
  llvm::SetVector<Value> aheadBuffers;
  DenseMap<Value, Value> unfinished;
  DenseMap<const Contraction *, Value> aheadOperands;
  /// Of the current iteration: unfinished and finished contractions, and other
  /// tiles in registers.
  DenseMap<Value, Value> pending, accumulators;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_PLANNER_TILEPROGRAM_H
