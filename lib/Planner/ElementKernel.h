//===- ElementKernel.h - programs of element kernels ------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_PLANNER_ELEMENTKERNEL_H
#define LINATTN_LIB_PLANNER_ELEMENTKERNEL_H

#include "ElementBody.h"
#include "TileExpression.h"

namespace mlir {
namespace linattn {

/// Writes the program of a kernel without a loop over chunks at the insertion
/// point of `b`: maps on tiles of at most two dimensions, and products of a
/// matrix and a vector. A thread has elements of the dimension that is not
/// contracted, the lanes, and goes over the other one, the rows: it computes
/// and stores the elements of matrices, and sums up products.
///
/// In a loop over tokens, a thread has one lane, and nothing is shared. What
/// the loop carries stays in the memory of the thread, a column of each matrix.
///
/// In a kernel without a loop, it has as many lanes as it can load at once, and
/// the rows are shared by parts of the block. Vectors along the rows are
/// computed once, and what the parts sum up is added, in shared memory.
class ElementKernel {
public:
  /// `body` has been analyzed.
  ElementKernel(ElementBody &body, KernelFrame &frame, tile::KernelOp program,
                OpBuilder &b)
      : body(body), kernel(body.kernel), frame(frame), program(program), b(b),
        threads(program.getWarpgroups() * tile::kWarpgroupThreads) {}

  /// Fails with a diagnostic.
  LogicalResult emit();

private:
  using Role = ElementBody::Role;
  using Roles = ElementBody::Roles;
  using Carried = ElementBody::Carried;
  using Output = ElementBody::Output;
  using Product = ElementBody::Product;
  using Phase = ElementBody::Phase;
  using Loop = ElementBody::Loop;

  /// How threads share the kernel.
  struct Sharing {
    /// Lanes of a thread, which follow each other.
    int64_t columns = 1;
    /// Threads that share the rows of a lane.
    int64_t parts = 1;
    /// Whether elements of matrices are accessed 16 bytes at a time.
    bool isWide = false;
  };
  /// A matrix in global memory.
  struct Matrix {
    Value tile;
    Access access;
    Roles roles;
  };
  /// What a thread knows of tiles.
  struct Known {
    /// Tiles along the lanes: the element of each of its lanes.
    SmallVector<std::pair<Value, SmallVector<Value>>> elements;
    /// Tiles with rows whose elements are in memory of the thread.
    SmallVector<std::pair<Value, Value>> memories;
    /// Tiles along the rows that are in shared memory.
    SmallVector<std::pair<Value, Value>> vectors;

    void addTo(TileExpression &expression, ArrayRef<Value> lanes) const;
  };
  struct Element {
    Value tile, value;
    SmallVector<Value> indices;
  };
  using Emitter = llvm::function_ref<LogicalResult()>;

  // A kernel without loops, in ElementBlock.cpp.
  LogicalResult emitBlock();
  void findMatrices();
  void findStaged();
  Sharing getSharing(bool isWide) const;
  /// Null if no matrix can be accessed 16 bytes at a time.
  Value getMisfit();
  /// Threads that have lanes and rows.
  int64_t getWorkers() const {
    return body.numLanes / sharing.columns * sharing.parts;
  }
  LogicalResult emitShared(const Sharing &chosen);
  /// Computes what is read in every row, for all threads.
  LogicalResult stageVectors();
  /// What the thread with the number `index` does before results are added.
  LogicalResult emitWork(Value index, Emitter prologue);
  LogicalResult emitPart(Value index, Emitter prologue,
                         SmallVectorImpl<Value> &sums);
  LogicalResult emitResults();
  LogicalResult emitResult(Value lane);
  /// Runs `fn` for the numbers below `count` that this thread has. It runs for
  /// others too if `isGuarded` is false.
  LogicalResult forOwn(int64_t count, bool isGuarded,
                       llvm::function_ref<LogicalResult(Value)> fn);
  void sync();

  // Loops over tokens.
  LogicalResult emitLoops();
  LogicalResult emitLoop(Loop &loop, Known &known);
  LogicalResult emitPhase(const Phase &phase, const Known &known);

  // Rows, in ElementRows.cpp.
  /// Elements of a matrix that are accessed at once.
  int64_t getWidth(const Access &access, Value tile,
                   ArrayRef<Role> roles) const;
  int64_t getRowsAtOnce() const;
  /// Elements along the lanes that are read in every row.
  LogicalResult loadLanes(Block *block, Known &known);
  /// Adds to `sums`, for each product one of each lane. `prologue` runs when
  /// the first rows have been loaded.
  LogicalResult emitRows(const Phase &phase, const Known &known, Value firstRow,
                         SmallVectorImpl<Value> &sums,
                         Emitter prologue = nullptr);
  FailureOr<SmallVector<Element>> loadRows(const Known &known,
                                           ArrayRef<Value> rows);
  LogicalResult computeRows(const Phase &phase, const Known &known,
                            ArrayRef<Value> rows, ArrayRef<Element> loaded,
                            SmallVectorImpl<Value> &sums, OpBuilder &outer);
  FailureOr<Value> getTerm(TileExpression &expression, const Product &product,
                           Value row, Value lane);
  LogicalResult storeRows(const Output &output, ArrayRef<Value> rows,
                          ArrayRef<Value> elements);
  LogicalResult store(const Output &output, Value element, Value row,
                      Value lane);
  /// Outputs without rows.
  LogicalResult storeOthers(const Phase &phase, TileExpression &expression,
                            Value lane);
  /// Places of a matrix, as numbers of a row and a lane, in units of `width`
  /// that follow each other in memory.
  using Place = std::pair<size_t, size_t>;
  SmallVector<SmallVector<Place>> getUnits(ArrayRef<Role> roles, int64_t width,
                                           size_t numRows) const;
  Value getRowAddress(Value memory, Value row);
  Value constant(int64_t value);

  ElementBody &body;
  scf::ForallOp kernel;
  KernelFrame &frame;
  tile::KernelOp program;
  OpBuilder &b;
  int64_t threads;

  Value thread;
  /// What is being written.
  Sharing sharing;
  SmallVector<Value> lanes;
  SmallVector<Matrix> matrices;
  /// In shared memory: tiles along the rows, and what threads have summed up of
  /// each product.
  SmallVector<std::pair<Value, Value>> staged;
  SmallVector<Value> sharedSums;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_PLANNER_ELEMENTKERNEL_H
