//===- KernelBody.h - what a kernel of the normal form does -----*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The analysis that the planner works from: where the tiles of a kernel come
// from and go to, its contractions, and which dimensions are the same one.
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_PLANNER_KERNELBODY_H
#define LINATTN_LIB_PLANNER_KERNELBODY_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/SetVector.h"

#include <optional>

namespace mlir {
namespace linattn {

/// A part of a tensor of the function.
struct Access {
  /// Defined outside of the kernel. Of an output: what the kernel writes into.
  Value tensor;
  /// For each dimension of the tensor, the terms of the offset.
  SmallVector<SmallVector<OpFoldResult>> offsets;
  /// For each dimension of the tile, that of the tensor.
  SmallVector<unsigned> dims;
  /// For each dimension of the tile, how many elements are in the tensor.
  SmallVector<OpFoldResult> sizes;
  /// What the other elements are; null if there are none.
  Value padding;

  /// Whether the tile may have elements along dimension `dim` that are not in
  /// the tensor.
  bool isPadded(unsigned dim, RankedTensorType tile) const;
};

/// Whether the loop writes slices into `arg`: it is a part of an output then,
/// and not a carried tile.
bool isFilled(scf::ForOp loop, BlockArgument arg);

/// The number of bytes, 16 at most, that the rows of a tensor of 16-bit
/// elements are a multiple of. Strides of a tensor without gaps are a multiple
/// of it too.
int64_t getAlignment(RankedTensorType tensor, unsigned columnDim);

/// Where a tile lies in a tensor of the function, if it is a slice of one.
std::optional<Access> getAccess(Value tile, scf::ForallOp kernel);
/// What the kernel writes by `insert`.
Access getAccess(tensor::ParallelInsertSliceOp insert, scf::ForallOp kernel);

/// The loaded vectors and running sums that a tile is computed from by maps.
llvm::SetVector<Value> getVectorLeaves(Value tile, scf::ForallOp kernel);

/// init + lhs * rhs; the rows of the result are those of `lhs`.
struct Contraction {
  linalg::LinalgOp op;
  Value lhs, rhs, init;
  /// Whether the contracted dimension is the first one of `lhs`, and the last
  /// one of `rhs` if not: a tile [K, M] times a tile [K, N] is
  /// `transposeLhs` and `transposeRhs`.
  bool transposeLhs, transposeRhs;

  Value getResult() const { return op->getResult(0); }
  /// Whether the sum starts from zero.
  bool startsFromZero() const;
};

/// Running sums of a vector, written as a loop over its elements:
/// `linattn-decompose-blocks` makes them.
struct Scan {
  Value source;
  bool reverse, exclusive;
};
std::optional<Scan> getScan(Value vector);

/// A tile, or the valid part of one, that is written to an output.
struct OutputStore {
  Operation *op;
  Value tile;
  Access access;

  /// Whether rows or columns of the tile are rows of the tensor, of 16-bit
  /// elements: such tiles are copied through shared memory, others element by
  /// element.
  bool isCopied() const;
  /// Whether columns of the tile are rows of the tensor.
  bool isTransposed() const;
};

/// What the kernel writes in its loop and behind it.
LogicalResult findStores(scf::ForallOp kernel, scf::ForOp loop,
                         SmallVectorImpl<OutputStore> &inLoop,
                         SmallVectorImpl<OutputStore> &afterLoop);

class KernelBody {
public:
  /// Fails with a diagnostic if the kernel holds what no plan can place.
  static FailureOr<KernelBody> get(scf::ForallOp kernel);

  scf::ForallOp kernel;
  /// The loop over chunks.
  scf::ForOp loop;
  /// Loops in front of it, which compute what states start from, by maps.
  SmallVector<scf::ForOp> prologues;
  /// The arguments of the loop that are tiles, and those that are one element.
  SmallVector<BlockArgument> states, scalars;
  /// In the order of the program, all in the loop.
  SmallVector<Contraction> contractions;
  /// Tiles of 16-bit elements that the loop reads from tensors.
  llvm::SetVector<Value> loads;
  /// Vectors that maps on matrices or carried elements read and that are not
  /// computed from scalars alone: they are loaded, or running sums.
  llvm::SetVector<Value> vectors;
  SmallVector<OutputStore> storesInLoop, storesAfterLoop;

  /// The number of the class of a dimension. Dimensions that are iterated over
  /// together are of one class.
  unsigned getDimClass(Value tile, unsigned dim) const;
  bool isContracted(unsigned dimClass) const;
  /// A dimension of a state that nothing contracts and that an output or the
  /// state itself carries out: work can be split along it without an exchange.
  std::optional<unsigned> getFreeDimClass() const;
  int64_t getSize(unsigned dimClass) const;

  const Contraction *getContraction(Value result) const;
  /// What the loop yields for a state.
  Value getNext(BlockArgument state) const;
  bool isState(Value value) const;
  /// Whether `value` is a matrix that a loop carries, or leaves.
  bool isCarried(Value value) const;
  /// What is left of `value` without the maps and casts that only round it.
  static bool isZero(Value value);

private:
  LogicalResult findLoop();
  LogicalResult findContractions();
  LogicalResult findLoads();
  LogicalResult checkOps();
  void findVectors();
  void classifyDims();
  unsigned getDim(Value tile, unsigned dim);

  llvm::DenseMap<std::pair<Value, unsigned>, unsigned> dims;
  llvm::SmallVector<int64_t> sizes;
  llvm::IntEqClasses classes;
  llvm::DenseSet<unsigned> contracted;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_PLANNER_KERNELBODY_H
