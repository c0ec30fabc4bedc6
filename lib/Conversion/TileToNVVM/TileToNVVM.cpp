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
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "llvm/ADT/MapVector.h"

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
  TileTypeConverter(MLIRContext *context, bool hasTensorMaps) {
    addConversion([](Type type) { return type; });
    addConversion([=](SharedType) -> Type {
      return LLVM::LLVMPointerType::get(context, kSharedSpace);
    });
    addConversion([=](BarrierType) -> Type {
      return LLVM::LLVMPointerType::get(context, kSharedSpace);
    });
    addConversion([=](SharedVectorType) -> Type {
      return LLVM::LLVMPointerType::get(context, kSharedSpace);
    });
    addConversion([=](GlobalType type, SmallVectorImpl<Type> &parts) {
      // The tensor map, the address, sizes and strides.
      if (hasTensorMaps && type.isAligned())
        parts.push_back(LLVM::LLVMPointerType::get(context));
      parts.push_back(LLVM::LLVMPointerType::get(context, 1));
      parts.append(2 * type.getRank() - 1, IntegerType::get(context, 64));
      return success();
    });
    auto getStruct = [=](Type element, int64_t count) -> Type {
      return LLVM::LLVMStructType::getLiteral(
          context, SmallVector<Type>(count, element));
    };
    Type f32 = Float32Type::get(context), i32 = IntegerType::get(context, 32);
    addConversion([=](WarpVectorType type) -> Type {
      return getStruct(f32, type.getElementsPerLane());
    });
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

/// Registers that a thread of a kernel starts with: all of the file, in steps
/// of eight.
static int64_t getRegistersAtEntry(int64_t threads) {
  return std::min<int64_t>(65536 / threads / 8 * 8, 248);
}

static void setRegisters(OpBuilder &b, Location loc, int64_t registers,
                         int64_t threads) {
  NVVM::SetMaxRegisterOp::create(b, loc, registers,
                                 registers > getRegistersAtEntry(threads)
                                     ? NVVM::SetMaxRegisterAction::increase
                                     : NVVM::SetMaxRegisterAction::decrease);
}

namespace {
struct KernelLowering : TilePattern<KernelOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(KernelOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    MLIRContext *context = op.getContext();
    TypeConverter::SignatureConversion signature(op.getNumArguments());
    SmallVector<Type> types;
    SmallVector<unsigned> tensorMaps;
    for (auto [index, type] : llvm::enumerate(op.getArgumentTypes())) {
      SmallVector<Type> parts;
      if (failed(getTypeConverter()->convertType(type, parts)))
        return failure();
      if (auto global = dyn_cast<GlobalType>(type);
          global && global.isAligned() && target.hasTensorMaps())
        tensorMaps.push_back(types.size());
      signature.addInputs(index, parts);
      llvm::append_range(types, parts);
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
    function->setAttr("nvvm.minctasm",
                      rewriter.getI32IntegerAttr(getResidentBlocks(op)));
    if (Attribute bytes = op->getAttr("shared_bytes"))
      function->setAttr("tile.shared_bytes", bytes);
    for (unsigned index : tensorMaps) {
      // 128 bytes, by value.
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

struct RoleLowering : TilePattern<RoleOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(RoleOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    auto kernel = op->getParentOfType<LLVM::LLVMFuncOp>();
    int64_t threads =
        cast<DenseI32ArrayAttr>(kernel->getAttr("nvvm.reqntid"))[0];
    Value number = op.getOfWarps() ? e.warp() : e.shr(e.warp(), 2);
    Value member = e.add(number, -int64_t(op.getFirst()));
    Value condition =
        e.compare(arith::CmpIPredicate::ult, member, e.i32(op.getCount()));
    emitIf(rewriter, loc, condition, [&] {
      // Warps get them with their warpgroup.
      if (target.movesRegisters() && !op.getOfWarps() &&
          op.getNumWarps() * 32 != threads)
        setRegisters(rewriter, loc, op.getRegisters(), threads);
      Block *body = &op.getBody().front();
      rewriter.eraseOp(body->getTerminator());
      rewriter.inlineBlockBefore(body, rewriter.getInsertionBlock(),
                                 rewriter.getInsertionPoint(), member);
    });
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
} // namespace

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

/// Puts the roles of the warps of one warpgroup into one branch, at whose start
/// all four warps set their registers: `setmaxnreg` is for whole warpgroups.
static void gatherRolesOfWarps(KernelOp kernel) {
  int64_t threads = kernel.getWarpgroups() * kWarpgroupThreads;
  llvm::MapVector<int64_t, SmallVector<RoleOp>> byWarpgroup;
  for (RoleOp role : kernel.getBody().getOps<RoleOp>())
    if (role.getOfWarps())
      byWarpgroup[role.getFirst() / 4].push_back(role);
  for (auto &entry : byWarpgroup) {
    // Where the last one is, all that the roles use is there.
    RoleOp last = entry.second.back();
    OpBuilder b(last);
    Emitter e(b, last.getLoc());
    Value here = e.equals(e.shr(e.warp(), 2), entry.first);
    emitIf(b, last.getLoc(), here, [&] {
      if (threads != kWarpgroupThreads)
        setRegisters(b, last.getLoc(), last.getRegisters(), threads);
      for (RoleOp role : entry.second)
        role->moveBefore(b.getInsertionBlock(), b.getInsertionPoint());
    });
  }
}

namespace {
struct ConvertTileToNVVM
    : linattn::tile::impl::ConvertTileToNVVMBase<ConvertTileToNVVM> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    FailureOr<ProgramInfo> program = ProgramInfo::get(module);
    if (failed(program))
      return signalPassFailure();
    std::optional<Chip> described = Chip::get(chip);
    if (!described) {
      module.emitError()
          << "expects the chip sm_90a, or sm_80 or later, but got " << chip;
      return signalPassFailure();
    }
    std::unique_ptr<Target> instructions = Target::get(*described);
    if (instructions->movesRegisters())
      module.walk(gatherRolesOfWarps);
    declareSharedMemory(module);

    TileTypeConverter converter(context, instructions->hasTensorMaps());
    LoweringContext lowering{*program, *instructions};
    RewritePatternSet patterns(context);
    ConversionTarget target(*context);
    target.addIllegalDialect<TileDialect>();
    target.addIllegalOp<math::ExpOp, math::Exp2Op>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    patterns.add<KernelLowering, ReturnLowering, RoleLowering, BlockIdLowering>(
        converter, context, lowering);
    populateSharedMemoryPatterns(converter, patterns, lowering);
    populateCopyPatterns(converter, patterns, lowering);
    populateRegisterPatterns(converter, patterns, lowering);
    populateVectorPatterns(converter, patterns, lowering);
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
