//===- PlaceBuffers.cpp - one block of memory for a kernel's buffers ------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Host/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/Support/MathExtras.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNPLACEBUFFERS
#include "linattn/Host/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;

/// Buffers start at cache lines, which are also the widest vectors.
static constexpr int64_t kAlignment = 64;

namespace {
/// A buffer, the ops between which it is live, and where it is put.
struct Buffer {
  memref::AllocOp alloc;
  int64_t size = 0;
  int64_t begin = 0;
  int64_t end = 0;
  int64_t offset = 0;
};

/// Numbers the ops of a kernel in the order of the text.
class Timeline {
public:
  explicit Timeline(Block *body) {
    int64_t next = 0;
    body->walk([&](Operation *op) { enter[op] = 0; });
    std::function<void(Block &)> visit = [&](Block &block) {
      for (Operation &op : block) {
        enter[&op] = next++;
        for (Region &region : op.getRegions())
          for (Block &nested : region)
            visit(nested);
        leave[&op] = next++;
      }
    };
    visit(*body);
  }

  int64_t getEnter(Operation *op) const { return enter.lookup(op); }
  int64_t getLeave(Operation *op) const { return leave.lookup(op); }

private:
  DenseMap<Operation *, int64_t> enter, leave;
};
} // namespace

/// The outermost loop around `user` that does not contain `alloc`: what a loop
/// reads, it may read again in its next iteration.
static Operation *getOutermostLoopBetween(Operation *user, Operation *alloc) {
  Operation *outermost = user;
  for (Operation *op = user->getParentOp(); op && !op->isProperAncestor(alloc);
       op = op->getParentOp())
    if (isa<LoopLikeOpInterface>(op))
      outermost = op;
  return outermost;
}

/// Sets when `buffer` is live: until the last use of what may alias it.
static void setLiveRange(Buffer &buffer, const Timeline &timeline) {
  buffer.begin = timeline.getEnter(buffer.alloc);
  buffer.end = buffer.begin;
  SmallVector<Value> worklist = {buffer.alloc.getResult()};
  DenseSet<Value> seen;
  auto push = [&](Value value) {
    if (isa<BaseMemRefType>(value.getType()) && seen.insert(value).second)
      worklist.push_back(value);
  };
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      buffer.end = std::max(
          buffer.end,
          timeline.getLeave(getOutermostLoopBetween(user, buffer.alloc)));
      llvm::for_each(user->getResults(), push);
      for (Region &region : user->getRegions())
        for (Block &block : region)
          llvm::for_each(block.getArguments(), push);
      // What a region yields becomes a result of, or is carried by, its parent.
      if (user->hasTrait<OpTrait::IsTerminator>() && user->getParentOp()) {
        Operation *parent = user->getParentOp();
        llvm::for_each(parent->getResults(), push);
        for (Region &region : parent->getRegions())
          for (Block &block : region)
            llvm::for_each(block.getArguments(), push);
      }
    }
  }
}

/// Gives each buffer the lowest offset at which nothing that is live lies.
static int64_t assignOffsets(MutableArrayRef<Buffer> buffers) {
  SmallVector<Buffer *> order;
  for (Buffer &buffer : buffers)
    order.push_back(&buffer);
  llvm::sort(order, [](Buffer *a, Buffer *b) {
    return std::tie(b->size, a->begin) < std::tie(a->size, b->begin);
  });
  SmallVector<Buffer *> placed;
  int64_t total = 0;
  for (Buffer *buffer : order) {
    SmallVector<Buffer *> conflicts =
        llvm::filter_to_vector(placed, [&](Buffer *other) {
          return other->begin <= buffer->end && buffer->begin <= other->end;
        });
    llvm::sort(conflicts,
               [](Buffer *a, Buffer *b) { return a->offset < b->offset; });
    for (Buffer *other : conflicts) {
      if (buffer->offset + buffer->size <= other->offset)
        break;
      buffer->offset = std::max(buffer->offset, other->offset + other->size);
    }
    placed.push_back(buffer);
    total = std::max(total, buffer->offset + buffer->size);
  }
  return total;
}

namespace {
struct PlaceBuffers : linattn::impl::LinattnPlaceBuffersBase<PlaceBuffers> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<Block *> kernels;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto forall = dyn_cast<scf::ForallOp>(op))
        kernels.push_back(forall.getBody());
      else if (auto parallel = dyn_cast<scf::ParallelOp>(op))
        kernels.push_back(parallel.getBody());
      else
        return WalkResult::advance();
      return WalkResult::skip();
    });
    for (Block *kernel : kernels)
      placeBuffers(kernel);
  }

  void placeBuffers(Block *body) {
    DataLayout layout = DataLayout::closest(body->getParentOp());
    SmallVector<Buffer> buffers;
    body->walk([&](memref::AllocOp alloc) {
      MemRefType type = alloc.getType();
      if (!type.hasStaticShape() || !type.getLayout().isIdentity())
        return;
      Buffer buffer;
      buffer.alloc = alloc;
      buffer.size = llvm::alignTo(type.getNumElements() *
                                      layout.getTypeSize(type.getElementType()),
                                  kAlignment);
      buffers.push_back(buffer);
    });
    if (buffers.empty())
      return;
    Timeline timeline(body);
    for (Buffer &buffer : buffers)
      setLiveRange(buffer, timeline);
    int64_t size = assignOffsets(buffers);

    OpBuilder builder = OpBuilder::atBlockBegin(body);
    Location loc = body->getParentOp()->getLoc();
    auto blockType = MemRefType::get({size}, builder.getI8Type());
    IntegerAttr alignment = builder.getI64IntegerAttr(kAlignment);
    Value block;
    if (size <= maxStackBytes) {
      block = memref::AllocaOp::create(builder, loc, blockType, alignment);
    } else {
      block = memref::AllocOp::create(builder, loc, blockType, alignment);
      OpBuilder end = OpBuilder::atBlockTerminator(body);
      memref::DeallocOp::create(end, loc, block);
    }
    for (Buffer &buffer : buffers) {
      for (Operation *user :
           llvm::make_early_inc_range(buffer.alloc->getUsers()))
        if (isa<memref::DeallocOp>(user))
          user->erase();
      // Not in front of the next op: that may be the allocation.
      builder.setInsertionPointAfterValue(block);
      Value offset =
          arith::ConstantIndexOp::create(builder, loc, buffer.offset);
      Value view = memref::ViewOp::create(builder, buffer.alloc.getLoc(),
                                          buffer.alloc.getType(), block, offset,
                                          ValueRange());
      buffer.alloc.replaceAllUsesWith(view);
      buffer.alloc.erase();
    }
  }
};
} // namespace
