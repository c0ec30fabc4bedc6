//===- TileToNVVM.cpp - tile programs to the NVVM dialect -----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "linattn/Dialect/Tile/Transforms/Passes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"

namespace mlir {
namespace linattn {
namespace tile {
#define GEN_PASS_DEF_CONVERTTILETONVVM
#include "linattn/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace tile
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

namespace {
class TileTypeConverter : public TypeConverter {
public:
  explicit TileTypeConverter(MLIRContext *context) {
    addConversion([](Type type) { return type; });
    addConversion([=](SharedType) -> Type {
      return LLVM::LLVMPointerType::get(context, kSharedSpace);
    });
    addConversion([=](BarrierType) -> Type {
      return LLVM::LLVMPointerType::get(context, kSharedSpace);
    });
    addConversion([=](GlobalType) -> Type {
      return LLVM::LLVMPointerType::get(context);
    });
    auto getStruct = [=](Type element, int64_t count) -> Type {
      return LLVM::LLVMStructType::getLiteral(
          context, SmallVector<Type>(count, element));
    };
    Type f32 = Float32Type::get(context), i32 = IntegerType::get(context, 32);
    addConversion([=](AccumulatorType type) -> Type {
      return getStruct(f32,
                       type.getRows() * type.getColumns() / kWarpgroupThreads);
    });
    addConversion([=](PendingType type) -> Type {
      return getStruct(f32,
                       type.getRows() * type.getColumns() / kWarpgroupThreads);
    });
    addConversion([=](OperandType type) -> Type {
      return getStruct(i32, type.getRows() * type.getColumns() /
                                (2 * kWarpgroupThreads));
    });
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

namespace {
struct KernelLowering : TilePattern<KernelOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(KernelOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    MLIRContext *context = op.getContext();
    TypeConverter::SignatureConversion signature(op.getNumArguments());
    SmallVector<Type> types;
    for (auto [index, type] : llvm::enumerate(op.getArgumentTypes())) {
      types.push_back(getTypeConverter()->convertType(type));
      signature.addInputs(index, types.back());
    }
    auto functionType =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), types);
    auto function = LLVM::LLVMFuncOp::create(rewriter, op.getLoc(),
                                             op.getSymName(), functionType);
    int64_t threads = op.getWarpgroups() * kWarpgroupThreads;
    function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                      rewriter.getUnitAttr());
    function->setAttr("nvvm.reqntid",
                      rewriter.getDenseI32ArrayAttr({int32_t(threads), 1, 1}));
    // Without it ptxas ignores setmaxnreg.
    function->setAttr("nvvm.minctasm", rewriter.getI32IntegerAttr(1));
    if (Attribute bytes = op->getAttr("shared_bytes"))
      function->setAttr("tile.shared_bytes", bytes);
    for (auto [index, type] : llvm::enumerate(op.getArgumentTypes())) {
      if (!isa<GlobalType>(type))
        continue;
      // A tensor map: 128 bytes, by value.
      function.setArgAttr(index, LLVM::LLVMDialect::getByValAttrName(),
                          TypeAttr::get(LLVM::LLVMArrayType::get(
                              IntegerType::get(context, 8), 128)));
      function.setArgAttr(index, LLVM::LLVMDialect::getAlignAttrName(),
                          rewriter.getI64IntegerAttr(64));
      function.setArgAttr(index, NVVM::NVVMDialect::getGridConstantAttrName(),
                          rewriter.getUnitAttr());
    }
    rewriter.inlineRegionBefore(op.getBody(), function.getBody(),
                                function.end());
    rewriter.applySignatureConversion(&function.getBody().front(), signature,
                                      getTypeConverter());
    rewriter.eraseOp(op);
    return success();
  }
};

struct ReturnLowering : TilePattern<ReturnOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ReturnOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<LLVM::ReturnOp>(op, ValueRange());
    return success();
  }
};

/// Moves the body of a region into an scf.if on `condition`.
static scf::IfOp moveIntoIf(ConversionPatternRewriter &rewriter, Location loc,
                            Value condition, Region &region,
                            ValueRange arguments) {
  auto ifOp = scf::IfOp::create(rewriter, loc, condition,
                                /*withElseRegion=*/false);
  Block *target = ifOp.thenBlock();
  Block *source = &region.front();
  if (!source->empty() && isa<EndRoleOp>(source->back()))
    rewriter.eraseOp(&source->back());
  rewriter.inlineBlockBefore(source, target, target->begin(), arguments);
  return ifOp;
}

struct RoleLowering : TilePattern<RoleOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(RoleOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    auto kernel = op->getParentOfType<LLVM::LLVMFuncOp>();
    int64_t threads =
        cast<DenseI32ArrayAttr>(kernel->getAttr("nvvm.reqntid"))[0];
    Value group = e.shr(e.warp(), 2);
    Value member = arith::SubIOp::create(rewriter, op.getLoc(), group,
                                         e.i32(op.getFirst()));
    Value condition =
        arith::CmpIOp::create(rewriter, op.getLoc(), arith::CmpIPredicate::ult,
                              member, e.i32(op.getCount()));
    scf::IfOp ifOp =
        moveIntoIf(rewriter, op.getLoc(), condition, op.getBody(), member);
    if (int64_t(op.getCount()) * kWarpgroupThreads != threads) {
      // Registers of a thread at entry: all of the file, in steps of 8.
      int64_t atEntry = std::min<int64_t>(65536 / threads / 8 * 8, 248);
      rewriter.setInsertionPointToStart(ifOp.thenBlock());
      NVVM::SetMaxRegisterOp::create(
          rewriter, op.getLoc(), op.getRegisters(),
          int64_t(op.getRegisters()) > atEntry
              ? NVVM::SetMaxRegisterAction::increase
              : NVVM::SetMaxRegisterAction::decrease);
    }
    rewriter.eraseOp(op);
    return success();
  }
};

struct OneThreadLowering : TilePattern<OneThreadOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(OneThreadOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    Value isFirst = e.equals(e.bits(e.thread(), kWarpgroupThreads - 1), 0);
    moveIntoIf(rewriter, op.getLoc(), isFirst, op.getBody(), {});
    rewriter.eraseOp(op);
    return success();
  }
};

struct BlockIdLowering : TilePattern<BlockIdOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(BlockIdOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<NVVM::BlockIdXOp>(op, rewriter.getI32Type());
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

/// Groups that may stay in flight at a wait: those of contractions that were
/// issued after the last one that is waited for. Both must stand in one block,
/// with no contraction nested between them.
static LogicalResult countUnfinished(WaitOp wait) {
  Operation *last = nullptr;
  for (Value pending : wait.getPending()) {
    auto contract = pending.getDefiningOp<ContractOp>();
    if (!contract || contract->getBlock() != wait->getBlock())
      return wait.emitOpError()
             << "expects contractions of the same block, but got " << pending;
    if (!last || last->isBeforeInBlock(contract))
      last = contract;
  }
  int64_t unfinished = 0;
  if (last) {
    for (Operation *op = last->getNextNode(); op != wait.getOperation();
         op = op->getNextNode()) {
      unfinished += isa<ContractOp>(op);
      WalkResult nested = op->walk([&](ContractOp contract) {
        return contract.getOperation() == op ? WalkResult::advance()
                                             : WalkResult::interrupt();
      });
      if (nested.wasInterrupted())
        return wait.emitOpError() << "expects no contraction nested in an op "
                                     "between a contraction "
                                     "and its wait";
    }
  }
  wait->setAttr("unfinished",
                Builder(wait.getContext()).getI64IntegerAttr(unfinished));
  return success();
}

struct ConvertTileToNVVM
    : linattn::tile::impl::ConvertTileToNVVMBase<ConvertTileToNVVM> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    WalkResult counted = module.walk([](WaitOp wait) {
      return failed(countUnfinished(wait)) ? WalkResult::interrupt()
                                           : WalkResult::advance();
    });
    if (counted.wasInterrupted())
      return signalPassFailure();
    declareSharedMemory(module);

    TileTypeConverter converter(context);
    RewritePatternSet patterns(context);
    ConversionTarget target(*context);
    target.addIllegalDialect<TileDialect>();
    target.addIllegalOp<math::ExpOp, math::Exp2Op>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    patterns.add<KernelLowering, ReturnLowering, RoleLowering,
                 OneThreadLowering, BlockIdLowering>(converter, context);
    populateSharedMemoryPatterns(converter, patterns);
    populateRegisterPatterns(converter, patterns);
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                         target);
    if (failed(applyPartialConversion(module, target, std::move(patterns))))
      signalPassFailure();
  }

private:
  static void declareSharedMemory(ModuleOp module) {
    if (module.lookupSymbol(kSharedSymbol))
      return;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), 0);
    // External and of no size: the launch gives its size.
    LLVM::GlobalOp::create(b, module.getLoc(), type, /*isConstant=*/false,
                           LLVM::Linkage::External, kSharedSymbol, Attribute(),
                           /*alignment=*/1024, kSharedSpace);
  }
};
} // namespace
