//===- ElementBody.h - kernels without matrix products ----------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The analysis that element kernels are written from: what is computed in which
// part of the kernel, and which dimensions of its tiles are which.
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_PLANNER_ELEMENTBODY_H
#define LINATTN_LIB_PLANNER_ELEMENTBODY_H

#include "KernelBody.h"

#include "llvm/ADT/MapVector.h"

#include <vector>

namespace mlir {
namespace linattn {

/// Whether the kernel multiplies no two matrices: it has no loop, or one over
/// tokens.
bool isElementKernel(scf::ForallOp kernel);

class ElementBody {
public:
  /// What a dimension of a tile is in the kernel: products sum up over rows.
  enum class Role { Lane, Row };
  using Roles = SmallVector<Role, 2>;

  /// What a thread carries through a loop of the kernel.
  struct Carried {
    BlockArgument arg;
    Value init, next, result;
    bool hasRows = false;
    /// Memory of the thread, with an element per row. Null if the value has no
    /// rows: it is one element then.
    Value memory = {};
    Value element = {};
  };

  /// Where an element goes when it is computed: to a tensor, or on to the next
  /// iteration.
  struct Output {
    Value tile;
    Access access;
    Carried *carried = nullptr;
    Roles roles = {};

    bool has(Role role) const { return llvm::is_contained(roles, role); }
  };

  struct Product {
    linalg::LinalgOp op;
    Roles loops;
  };

  /// What is computed in one go over the rows: the kernel, or what is in front
  /// of its loops, in one of them or behind them.
  struct Phase {
    SmallVector<Product> products;
    /// With a dimension that is the row, and others.
    std::vector<Output> ofRows, others;
  };

  struct Loop {
    scf::ForOp op;
    SmallVector<Carried> carried;
    /// Computes what the loop starts from.
    Phase before;
    Phase inside;
  };

  explicit ElementBody(scf::ForallOp kernel);
  ElementBody(const ElementBody &) = delete;

  /// Fails with a diagnostic if the kernel holds what its threads cannot do.
  LogicalResult analyze();

  /// Those of a tile. Of tiles that no product reads, the last dimension is the
  /// lane.
  ArrayRef<Role> getRoles(Value tile);
  static Roles getTileRoles(AffineMap indexing, ArrayRef<Role> loops);
  /// The tiles along `of` that are read along nothing else, in the order in
  /// which they are found.
  SmallVector<Value> getTiles(ArrayRef<Role> of) const;

  scf::ForallOp kernel;
  std::vector<Loop> loops;
  /// The rest of the kernel: it comes last.
  Phase rest;
  /// 0: no tile has such a dimension.
  int64_t numLanes = 0, numRows = 0;

private:
  LogicalResult findProducts(Block *block, Phase &phase);
  LogicalResult findCarried(Loop &loop);
  LogicalResult findOutputs();
  LogicalResult addOutput(Operation *op, Output output, Phase &phase);
  LogicalResult setSize(Operation *op, Value tile, unsigned dim, Role role);
  void assignRoles(Value tile, ArrayRef<Role> roles);
  std::optional<Roles> inferRoles(Value tile);

  llvm::MapVector<Value, Roles> roles;
  /// Tiles that are read along two dimensions.
  llvm::DenseSet<Value> ambiguous;
};

} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_PLANNER_ELEMENTBODY_H
