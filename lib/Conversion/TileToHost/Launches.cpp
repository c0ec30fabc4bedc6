//===- Launches.cpp - launches of tile programs on the host ---------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostBuilder.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

//===----------------------------------------------------------------------===//
// Crews
//===----------------------------------------------------------------------===//

/// Ops of a crew, all of whose threads execute them together. Others are what a
/// thread can do on its own.
static bool isForCrew(Operation *op) {
  return isa<TileDialect>(op->getDialect()) &&
         !isa<KernelOp, ReturnOp, BlockIdOp, AllocOp, StageOp, ElementOp,
              StoreElementOp, SyncOp>(op);
}

FailureOr<Crews> mlir::linattn::tile::getCrews(KernelOp kernel) {
  Operation *crewOp = nullptr, *unplaced = nullptr;
  bool readsThread = false;
  kernel.walk([&](Operation *op) {
    readsThread |= isa<NVVM::ThreadIdXOp>(op);
    if (isForCrew(op))
      crewOp = op;
    if (isa<AllocOp, BarrierInitOp>(op) && !op->hasAttr("offset"))
      unplaced = op;
  });
  if (unplaced)
    return unplaced->emitOpError()
           << "expects an offset; run tile-allocate-shared";
  if (readsThread && crewOp)
    return crewOp->emitOpError()
           << "is for a crew: expects a kernel on the host not to read the "
              "number of a thread";
  if (readsThread)
    return Crews();

  // The warps of roles; warpgroups without such roles are crews.
  Crews crews;
  SmallVector<bool> hasRoles(kernel.getWarpgroups());
  for (RoleOp role : kernel.getBody().getOps<RoleOp>()) {
    if (!role.getOfWarps())
      continue;
    if (role.getCount() > 1 && !role.getBody().getArgument(0).use_empty())
      return role.emitOpError("expects a role of several warps on the host not "
                              "to use the number of the warp");
    crews.push_back({32 * role.getFirst(), role.getCount()});
    hasRoles[role.getFirst() / 4] = true;
  }
  for (auto [group, isSplit] : llvm::enumerate(hasRoles))
    if (!isSplit)
      crews.push_back({kWarpgroupThreads * group, 4});
  llvm::sort(crews);
  return crews;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

namespace {
/// A tensor in memory: address, sizes and strides in elements, as i64.
struct Buffer {
  Buffer(HostBuilder &h, Value memref) {
    OpBuilder &b = h.b;
    auto type = cast<MemRefType>(memref.getType());
    auto metadata = memref::ExtractStridedMetadataOp::create(b, h.loc, memref);
    for (Value size : metadata.getSizes())
      sizes.push_back(h.widen(size));
    for (Value stride : metadata.getStrides())
      strides.push_back(h.widen(stride));
    Value start =
        memref::ExtractAlignedPointerAsIndexOp::create(b, h.loc, memref);
    int64_t bytes = type.getElementTypeBitWidth() / 8;
    address =
        h.add(h.widen(start), h.mul(h.widen(metadata.getOffset()), bytes));
  }

  Value address;
  SmallVector<Value> sizes, strides;
};
} // namespace

/// A buffer that holds the tensor, of any layout.
static Value getBuffer(HostBuilder &h, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> strides(type.getRank(), ShapedType::kDynamic);
  auto layout =
      StridedLayoutAttr::get(h.b.getContext(), ShapedType::kDynamic, strides);
  auto buffer = bufferization::ToBufferOp::create(
      h.b, h.loc,
      MemRefType::get(type.getShape(), type.getElementType(), layout), tensor);
  buffer.setReadOnly(true);
  return buffer;
}

/// A new buffer for what the kernel leaves in the tensor. Where that has no
/// contents, the buffer holds NaN.
static Value getOutputBuffer(HostBuilder &h, Value tensor) {
  OpBuilder &b = h.b;
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<Value> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      sizes.push_back(b.createOrFold<tensor::DimOp>(h.loc, tensor, dim));
  Value buffer = memref::AllocOp::create(
      b, h.loc, MemRefType::get(type.getShape(), type.getElementType()), sizes);
  if (!tensor.getDefiningOp<tensor::EmptyOp>()) {
    memref::CopyOp::create(b, h.loc, getBuffer(h, tensor), buffer);
    return buffer;
  }
  Buffer parts(h, buffer);
  Value bytes = h.i64(type.getElementTypeBitWidth() / 8);
  for (Value size : parts.sizes)
    bytes = arith::MulIOp::create(b, h.loc, bytes, size);
  Value pointer =
      LLVM::IntToPtrOp::create(b, h.loc, h.pointerType(), parts.address);
  h.call("poison", {}, {pointer, bytes});
  return buffer;
}

/// A scalar in a word.
static Value getWord(HostBuilder &h, Value scalar) {
  OpBuilder &b = h.b;
  Type type = scalar.getType();
  if (isa<FloatType>(type)) {
    unsigned bits = type.getIntOrFloatBitWidth();
    scalar = arith::BitcastOp::create(b, h.loc, b.getIntegerType(bits), scalar);
  }
  return h.widen(scalar);
}

LogicalResult mlir::linattn::tile::lowerLaunch(LaunchOp launch, KernelOp kernel,
                                               const Crews &crews) {
  FailureOr<SmallVector<KernelArguments>> arguments =
      matchArguments(launch, kernel);
  if (failed(arguments))
    return failure();
  auto sharedBytes = kernel->getAttrOfType<IntegerAttr>("shared_bytes");
  if (!sharedBytes)
    return kernel.emitOpError("expects places in shared memory: run "
                              "tile-allocate-shared before");
  OpBuilder b(launch);
  HostBuilder h(b, launch.getLoc());

  SmallVector<Value> words, outputs;
  unsigned numInputs = launch.getInputs().size();
  for (auto [index, argument] : llvm::enumerate(*arguments)) {
    Value operand = launch->getOperand(index + 1);
    if (!isa<RankedTensorType>(operand.getType())) {
      words.push_back(getWord(h, operand));
      continue;
    }
    Value buffer =
        index < numInputs ? getBuffer(h, operand) : getOutputBuffer(h, operand);
    if (index >= numInputs)
      outputs.push_back(buffer);
    Buffer parts(h, buffer);
    words.push_back(parts.address);
    if (!isa<GlobalType>(kernel.getArgumentTypes()[argument.first])) {
      llvm::append_range(words, parts.strides);
      continue;
    }
    SmallVector<int64_t> dims = getTensorDims(kernel, argument.first);
    for (int64_t dim : dims)
      words.push_back(parts.sizes[dim]);
    for (int64_t dim : ArrayRef(dims).drop_back())
      words.push_back(parts.strides[dim]);
  }

  Value memory;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(
        &launch->getParentOfType<func::FuncOp>().getBody().front());
    memory = LLVM::AllocaOp::create(b, h.loc, h.pointerType(), b.getI64Type(),
                                    h.i64(words.size()));
  }
  for (auto [index, word] : llvm::enumerate(words))
    LLVM::StoreOp::create(b, h.loc, word,
                          h.at(memory, b.getI64Type(), h.i64(index)));
  Type i32 = b.getI32Type();
  auto type = b.getFunctionType({i32, i32, h.pointerType()}, {});
  Value function = func::ConstantOp::create(
      b, h.loc, type, FlatSymbolRefAttr::get(kernel.getSymNameAttr()));
  function =
      UnrealizedConversionCastOp::create(b, h.loc, h.pointerType(), function)
          .getResult(0);
  SmallVector<Value> operands = {
      function,
      memory,
      h.widen(launch.getBlocks()),
      h.i64(sharedBytes.getInt()),
      h.i64(kernel.getWarpgroups() * kWarpgroupThreads),
      h.i64(crews.size())};
  unsigned numFixed = operands.size();
  for (auto [first, warps] : crews) {
    operands.push_back(h.i64(first));
    operands.push_back(h.i64(warps));
  }
  Value ended = h.call("launch", b.getI64Type(), operands, numFixed);
  Value good = arith::CmpIOp::create(b, h.loc, arith::CmpIPredicate::ne, ended,
                                     h.i64(0));
  cf::AssertOp::create(
      b, h.loc, good,
      ("tile program '" + kernel.getSymName() + "' does not come to an end")
          .str());
  SmallVector<Value> results;
  for (auto [output, result] : llvm::zip(outputs, launch.getResults()))
    results.push_back(bufferization::ToTensorOp::create(
        b, h.loc, result.getType(), output, /*restrict=*/true,
        /*writable=*/true));
  launch.replaceAllUsesWith(results);
  launch.erase();
  return success();
}
