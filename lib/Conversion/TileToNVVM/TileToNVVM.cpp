//===- TileToNVVM.cpp - tile programs to the NVVM dialect -----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//
// Registers: a tile in registers is a struct of the elements of one thread, in
// blocks of 64 rows, then 8 columns, then the four elements of an accumulator
// fragment: (r, c), (r, c + 1), (r + 8, c), (r + 8, c + 1) with r = l / 4 and
// c = 2 (l % 4) for lane l. An operand packs two columns into one register, in
// blocks of 64 rows, then 16 columns.
//
//===----------------------------------------------------------------------===//

#include "PTXAssembly.h"
#include "linattn/Dialect/Tile/IR/Tile.h"
#include "linattn/Dialect/Tile/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/DialectConversion.h"
#include "llvm/Support/FormatVariadic.h"

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

/// The symbol of dynamic shared memory.
static constexpr StringLiteral kSharedSymbol = "tile_shared";
static constexpr unsigned kSharedSpace = 3;
/// Columns of one fragment of an accumulator, and contracted elements of one
/// instruction.
static constexpr int64_t kFragmentColumns = 8;
static constexpr int64_t kInstructionDepth = 16;
/// Bytes of a row of a panel.
static constexpr int64_t kPanelRowBytes = 128;

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

/// Helpers that every pattern needs: i32 arithmetic, addresses, thread numbers.
class Emitter {
public:
  Emitter(OpBuilder &b, Location loc) : b(b), loc(loc) {}

  Value i32(int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  }
  Value i64(int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
  }
  Value f32(float value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(b, loc, lhs, rhs);
  }
  Value add(Value lhs, int64_t rhs) {
    return rhs == 0 ? lhs : add(lhs, isI64(lhs) ? i64(rhs) : i32(rhs));
  }
  Value mul(Value lhs, int64_t rhs) {
    return arith::MulIOp::create(b, loc, lhs, i32(rhs));
  }
  Value shl(Value lhs, int64_t rhs) {
    return arith::ShLIOp::create(b, loc, lhs, i32(rhs));
  }
  Value shr(Value lhs, int64_t rhs) {
    return arith::ShRUIOp::create(b, loc, lhs, i32(rhs));
  }
  Value bits(Value lhs, int64_t mask) {
    return arith::AndIOp::create(b, loc, lhs, i32(mask));
  }
  Value exclusiveOr(Value lhs, Value rhs) {
    return arith::XOrIOp::create(b, loc, lhs, rhs);
  }
  Value equals(Value lhs, int64_t rhs) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lhs,
                                 i32(rhs));
  }

  Value thread() { return NVVM::ThreadIdXOp::create(b, loc, b.getI32Type()); }
  /// The warp, the same value in all lanes as far as the compiler knows.
  Value warp() {
    Value warp = shr(thread(), 5);
    return NVVM::ShflOp::create(b, loc, b.getI32Type(), i32(-1), warp, i32(0),
                                i32(31), NVVM::ShflKind::idx, UnitAttr());
  }
  Value warpInGroup() { return bits(warp(), 3); }
  Value lane() { return bits(thread(), 31); }

  /// `base` + bytes in shared memory.
  Value offset(Value base, Value bytes) {
    return LLVM::GEPOp::create(b, loc, base.getType(), b.getI8Type(), base,
                               ArrayRef<LLVM::GEPArg>{bytes});
  }
  Value offset(Value base, int64_t bytes) {
    if (bytes == 0)
      return base;
    return LLVM::GEPOp::create(
        b, loc, base.getType(), b.getI8Type(), base,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
  }
  Value sharedMemory(int64_t bytes) {
    Value base = LLVM::AddressOfOp::create(
        b, loc, LLVM::LLVMPointerType::get(b.getContext(), kSharedSpace),
        kSharedSymbol);
    return offset(base, bytes);
  }

  SmallVector<Value> unpack(Value tile) {
    SmallVector<Value> elements;
    auto type = cast<LLVM::LLVMStructType>(tile.getType());
    for (int64_t i = 0, e = type.getBody().size(); i < e; ++i)
      elements.push_back(LLVM::ExtractValueOp::create(b, loc, tile, i));
    return elements;
  }
  Value pack(ArrayRef<Value> elements) {
    auto type = LLVM::LLVMStructType::getLiteral(
        b.getContext(),
        SmallVector<Type>(elements.size(), elements.front().getType()));
    Value tile = LLVM::UndefOp::create(b, loc, type);
    for (auto [i, element] : llvm::enumerate(elements))
      tile = LLVM::InsertValueOp::create(b, loc, tile, element, i);
    return tile;
  }

  /// Two f32 rounded into one register of 16-bit elements.
  Value packHalves(Type element, Value low, Value high) {
    auto type = VectorType::get(2, element);
    Value vector =
        LLVM::UndefOp::create(b, loc, VectorType::get(2, b.getF32Type()));
    vector = LLVM::InsertElementOp::create(b, loc, vector, low, i32(0));
    vector = LLVM::InsertElementOp::create(b, loc, vector, high, i32(1));
    Value halves = LLVM::FPTruncOp::create(b, loc, type, vector);
    return LLVM::BitcastOp::create(b, loc, b.getI32Type(), halves);
  }
  std::pair<Value, Value> unpackHalves(Type element, Value packed) {
    auto type = VectorType::get(2, element);
    Value halves = LLVM::BitcastOp::create(b, loc, type, packed);
    Value wide = LLVM::FPExtOp::create(
        b, loc, VectorType::get(2, b.getF32Type()), halves);
    return {LLVM::ExtractElementOp::create(b, loc, wide, i32(0)),
            LLVM::ExtractElementOp::create(b, loc, wide, i32(1))};
  }

  /// The descriptor of a tile in shared memory for matrix instructions:
  /// 128-byte swizzle, eight rows of a panel in 1024 bytes.
  Value descriptor(Value address) {
    Value bytes = LLVM::PtrToIntOp::create(b, loc, b.getI32Type(), address);
    Value field = shr(bits(bytes, 0x3FFFF), 4);
    Value wide = arith::ExtUIOp::create(b, loc, b.getI64Type(), field);
    constexpr int64_t layout =
        (int64_t(1) << 62) | (int64_t(1024 >> 4) << 32) | (int64_t(1) << 16);
    return arith::OrIOp::create(b, loc, wide, i64(layout));
  }

  /// The address that this lane gives to ldmatrix and stmatrix for the 16 x 16
  /// block at (row, 16 * block) of a panel: lanes 8 i to 8 i + 7 hold the rows
  /// of the i-th 8 x 8 matrix. Row-major over (column half, row half).
  Value matrixAddress(Value panel, Value row, Value unit) {
    Value swizzled = exclusiveOr(unit, bits(row, 7));
    return offset(panel, add(shl(row, 7), shl(swizzled, 4)));
  }

  OpBuilder &b;
  Location loc;

private:
  static bool isI64(Value value) { return value.getType().isInteger(64); }
};

template <typename OpTy>
class TilePattern : public OpConversionPattern<OpTy> {
public:
  using OpConversionPattern<OpTy>::OpConversionPattern;
  using Adaptor = typename OpTy::Adaptor;
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
// Shared memory and barriers
//===----------------------------------------------------------------------===//

struct AllocLowering : TilePattern<AllocOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(AllocOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!op.getOffset())
      return op.emitOpError() << "expects an offset; run tile-allocate-shared";
    rewriter.replaceOp(
        op, Emitter(rewriter, op.getLoc()).sharedMemory(*op.getOffset()));
    return success();
  }
};

struct StageLowering : TilePattern<StageOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StageOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    int64_t bytes = op.getResult().getType().getTileBytes();
    rewriter.replaceOp(
        op, e.offset(adaptor.getRing(), e.mul(adaptor.getIndex(), bytes)));
    return success();
  }
};

struct PanelLowering : TilePattern<PanelOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(PanelOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    // Panels follow each other: column c starts at c * rows * 2 bytes.
    int64_t bytes = op.getSource().getType().getRows() * 2;
    rewriter.replaceOp(
        op, e.offset(adaptor.getSource(), e.mul(adaptor.getColumn(), bytes)));
    return success();
  }
};

/// The address of barrier `index` of a ring.
static Value getBarrier(Emitter &e, Value ring, Value index) {
  return e.offset(ring, e.shl(index, 3));
}

struct BarrierInitLowering : TilePattern<BarrierInitOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(BarrierInitOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!op.getOffset())
      return op.emitOpError() << "expects an offset; run tile-allocate-shared";
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    BarrierType type = op.getResult().getType();
    Value ring = e.sharedMemory(*op.getOffset());
    auto first = scf::IfOp::create(rewriter, loc, e.equals(e.thread(), 0),
                                   /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(first.thenBlock());
      for (int64_t stage = 0; stage < type.getStages(); ++stage)
        NVVM::MBarrierInitOp::create(rewriter, loc, e.offset(ring, 8 * stage),
                                     e.i32(type.getArrivals()), Value());
      NVVM::FenceMbarrierInitOp::create(rewriter, loc);
    }
    NVVM::Barrier0Op::create(rewriter, loc);
    rewriter.replaceOp(op, ring);
    return success();
  }
};

struct BarrierWaitLowering : TilePattern<BarrierWaitOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(BarrierWaitOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    // Nanoseconds that one attempt may be suspended for.
    constexpr int64_t suspendTime = 10000000;
    NVVM::MBarrierTryWaitParityOp::create(
        rewriter, op.getLoc(),
        getBarrier(e, adaptor.getBarrier(), adaptor.getIndex()),
        adaptor.getPhase(), e.i32(suspendTime));
    rewriter.eraseOp(op);
    return success();
  }
};

struct BarrierArriveLowering : TilePattern<BarrierArriveOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(BarrierArriveOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    Value barrier = getBarrier(e, adaptor.getBarrier(), adaptor.getIndex());
    auto leader = scf::IfOp::create(rewriter, loc, e.equals(e.lane(), 0),
                                    /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(leader.thenBlock());
    buildPTX(rewriter, loc,
             "{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [$0]; }", {},
             {barrier});
    rewriter.eraseOp(op);
    return success();
  }
};

struct BarrierExpectLowering : TilePattern<BarrierExpectOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(BarrierExpectOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    buildPTX(rewriter, op.getLoc(),
             "{ .reg .b64 state; mbarrier.arrive.expect_tx.shared.b64 state, "
             "[$0], $1; }",
             {},
             {getBarrier(e, adaptor.getBarrier(), adaptor.getIndex()),
              e.i32(op.getBytes())});
    rewriter.eraseOp(op);
    return success();
  }
};

/// Runs `body` for every panel of a tile, with its address and the coordinates
/// of its first element, innermost first.
static void
forEachPanel(Emitter &e, Value tile, SharedType type, ValueRange coordinates,
             llvm::function_ref<void(Value, ArrayRef<Value>)> body) {
  SmallVector<Value> innermostFirst(llvm::reverse(coordinates));
  Value column = innermostFirst[0];
  for (int64_t first = 0; first < type.getColumns(); first += kPanelColumns) {
    innermostFirst[0] = e.add(column, first);
    body(e.offset(tile, first * type.getRows() * 2), innermostFirst);
  }
}

struct LoadLowering : TilePattern<LoadOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    Value barrier = getBarrier(e, adaptor.getBarrier(), adaptor.getIndex());
    forEachPanel(
        e, adaptor.getDestination(), op.getDestination().getType(),
        adaptor.getCoordinates(),
        [&](Value panel, ArrayRef<Value> coordinates) {
          std::string box;
          for (size_t i = 0; i < coordinates.size(); ++i)
            box += (i ? ", $" : "$") + std::to_string(3 + i);
          SmallVector<Value> operands = {panel, adaptor.getSource(), barrier};
          llvm::append_range(operands, coordinates);
          buildPTX(rewriter, loc,
                   llvm::formatv("cp.async.bulk.tensor.{0}d.shared::cluster."
                                 "global.tile.mbarrier::complete_tx::bytes "
                                 "[$0], [$1, {{{1}}], [$2];",
                                 coordinates.size(), box)
                       .str(),
                   {}, operands, /*clobbersMemory=*/true);
        });
    rewriter.eraseOp(op);
    return success();
  }
};

struct StoreLowering : TilePattern<StoreOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    forEachPanel(e, adaptor.getSource(), op.getSource().getType(),
                 adaptor.getCoordinates(),
                 [&](Value panel, ArrayRef<Value> coordinates) {
                   NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
                       rewriter, loc, adaptor.getDestination(), panel,
                       coordinates, /*l2CacheHint=*/Value(),
                       NVVM::TMAStoreMode::TILE, /*predicate=*/Value());
                 });
    NVVM::CpAsyncBulkCommitGroupOp::create(rewriter, loc);
    rewriter.eraseOp(op);
    return success();
  }
};

struct StoreWaitLowering : TilePattern<StoreWaitOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreWaitOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<NVVM::CpAsyncBulkWaitGroupOp>(
        op, static_cast<uint32_t>(op.getUnfinished()), op.getReadsOnlyAttr());
    return success();
  }
};

struct FenceLowering : TilePattern<FenceOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(FenceOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    MLIRContext *context = op.getContext();
    rewriter.replaceOpWithNewOp<NVVM::FenceProxyOp>(
        op, NVVM::ProxyKindAttr::get(context, NVVM::ProxyKind::async_shared),
        NVVM::SharedSpaceAttr::get(context, NVVM::SharedSpace::shared_cta));
    return success();
  }
};

struct SyncLowering : TilePattern<SyncOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(SyncOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    NVVM::BarrierOp::create(rewriter, op.getLoc(), /*res=*/Type(),
                            adaptor.getId(),
                            e.i32(op.getWarpgroups() * kWarpgroupThreads),
                            /*reductionOp=*/nullptr,
                            /*reductionPredicate=*/Value());
    rewriter.eraseOp(op);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

struct ConstantLowering : TilePattern<tile::ConstantOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(tile::ConstantOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    AccumulatorType type = op.getResult().getType();
    Value value = e.f32(op.getValue().convertToFloat());
    rewriter.replaceOp(
        op,
        e.pack(SmallVector<Value>(
            type.getRows() * type.getColumns() / kWarpgroupThreads, value)));
    return success();
  }
};

struct ContractLowering : TilePattern<ContractOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ContractOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
    SharedType rhsType = op.getRhs().getType();
    auto lhsShared = dyn_cast<SharedType>(op.getLhs().getType());
    int64_t depth =
        op.getTransposeRhs() ? rhsType.getRows() : rhsType.getColumns();

    SmallVector<Value> accumulator, operand;
    if (op.getAccumulator())
      accumulator = e.unpack(adaptor.getAccumulator());
    Value lhsDescriptor;
    if (lhsShared)
      lhsDescriptor = e.descriptor(adaptor.getLhs());
    else
      operand = e.unpack(adaptor.getLhs());
    Value rhsDescriptor = e.descriptor(adaptor.getRhs());

    // Registers that were written before must be so for the asynchronous
    // reader too; tied, so that no write moves behind the fence.
    SmallVector<Value> fenced(accumulator);
    llvm::append_range(fenced, operand);
    fenced = buildPTX(rewriter, loc, "wgmma.fence.sync.aligned;", fenced, {});
    std::copy_n(fenced.begin(), accumulator.size(), accumulator.begin());
    std::copy_n(fenced.begin() + accumulator.size(), operand.size(),
                operand.begin());

    // A transposed right operand is contracted over rows, so one instruction
    // takes one panel of it. Otherwise its columns are rows of the tile.
    int64_t width =
        op.getTransposeRhs() ? kPanelColumns : std::min<int64_t>(columns, 256);
    int64_t perBlock = columns * kInstructionRows / kWarpgroupThreads;
    int64_t perPart = width * kInstructionRows / kWarpgroupThreads;
    SmallVector<Value> results;
    for (int64_t block = 0; block < rows / kInstructionRows; ++block) {
      for (int64_t part = 0; part < columns / width; ++part) {
        SmallVector<Value> sum;
        if (!accumulator.empty())
          sum.assign(accumulator.begin() + block * perBlock + part * perPart,
                     accumulator.begin() + block * perBlock +
                         (part + 1) * perPart);
        for (int64_t k = 0; k < depth; k += kInstructionDepth) {
          MatrixInstruction instruction;
          instruction.columns = width;
          instruction.element = rhsType.getElementType();
          instruction.transposeRhs = op.getTransposeRhs();
          instruction.rhs = e.add(
              rhsDescriptor,
              getBytes(rhsType, op.getTransposeRhs(), part * width, k) >> 4);
          if (lhsShared) {
            instruction.transposeLhs = op.getTransposeLhs();
            instruction.lhs = {
                e.add(lhsDescriptor, getBytes(lhsShared, op.getTransposeLhs(),
                                              block * kInstructionRows, k) >>
                                         4)};
          } else {
            // Four registers for 64 x 16.
            int64_t first =
                (block * (depth / kInstructionDepth) + k / kInstructionDepth) *
                4;
            instruction.lhs.assign(operand.begin() + first,
                                   operand.begin() + first + 4);
          }
          sum = instruction.build(rewriter, loc, sum);
        }
        llvm::append_range(results, sum);
      }
    }
    buildPTX(rewriter, loc, "wgmma.commit_group.sync.aligned;", {}, {},
             /*clobbersMemory=*/true);
    rewriter.replaceOp(op, e.pack(results));
    return success();
  }

private:
  /// Where the 16 contracted elements from `k` of row or column `outer` start
  /// in a tile. The tile has the contracted dimension in its columns, or in its
  /// rows if transposed.
  static int64_t getBytes(SharedType type, bool transposed, int64_t outer,
                          int64_t k) {
    int64_t row = transposed ? k : outer, column = transposed ? outer : k;
    int64_t panel = column / kPanelColumns;
    return panel * type.getRows() * kPanelRowBytes + row * kPanelRowBytes +
           (column % kPanelColumns) * 2;
  }
};

struct WaitLowering : TilePattern<WaitOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(WaitOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    SmallVector<Value> registers;
    SmallVector<size_t> counts;
    for (Value pending : adaptor.getPending()) {
      SmallVector<Value> elements = e.unpack(pending);
      counts.push_back(elements.size());
      llvm::append_range(registers, elements);
    }
    int64_t unfinished = cast<IntegerAttr>(op->getAttr("unfinished")).getInt();
    registers = buildPTX(
        rewriter, loc,
        llvm::formatv("wgmma.wait_group.sync.aligned {0};", unfinished).str(),
        registers, {}, /*clobbersMemory=*/true);
    SmallVector<Value> results;
    ArrayRef<Value> rest(registers);
    for (size_t count : counts) {
      results.push_back(e.pack(rest.take_front(count)));
      rest = rest.drop_front(count);
    }
    rewriter.replaceOp(op, results);
    return success();
  }
};

struct MapLowering : TilePattern<MapOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(MapOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
    SmallVector<SmallVector<Value>> inputs;
    for (auto [input, value] :
         llvm::zip_equal(op.getInputs(), adaptor.getInputs()))
      inputs.push_back(getElements(e, input.getType(), e.unpack(value)));

    // The first element of this thread; all others are at constant distances.
    Value lane = e.lane();
    Value row = e.add(e.shl(e.warpInGroup(), 4), e.shr(lane, 2));
    Value column = e.shl(e.bits(lane, 3), 1);
    Block &body = op.getBody().front();
    auto yield = cast<YieldOp>(body.getTerminator());
    SmallVector<Value> elements;
    for (int64_t block = 0; block < rows; block += kInstructionRows)
      for (int64_t first = 0; first < columns; first += kFragmentColumns)
        for (int64_t i = 0; i < 4; ++i) {
          IRMapping mapping;
          for (auto [input, arg] : llvm::zip(inputs, body.getArguments()))
            mapping.map(arg, input[elements.size()]);
          mapping.map(body.getArgument(inputs.size()),
                      e.add(row, block + (i / 2) * 8));
          mapping.map(body.getArgument(inputs.size() + 1),
                      e.add(column, first + i % 2));
          for (Operation &nested : body.without_terminator())
            rewriter.clone(nested, mapping);
          elements.push_back(mapping.lookupOrDefault(yield.getValue()));
        }
    if (auto operand = dyn_cast<OperandType>(op.getResult().getType())) {
      SmallVector<Value> packed;
      for (size_t i = 0; i < elements.size(); i += 2)
        packed.push_back(e.packHalves(operand.getElementType(), elements[i],
                                      elements[i + 1]));
      elements = packed;
    }
    rewriter.replaceOp(op, e.pack(elements));
    return success();
  }

private:
  /// The f32 elements of a tile in the order of accumulators. A register of an
  /// operand holds two neighbours, so the orders agree.
  static SmallVector<Value> getElements(Emitter &e, Type type,
                                        SmallVector<Value> registers) {
    auto operand = dyn_cast<OperandType>(type);
    if (!operand)
      return registers;
    SmallVector<Value> elements;
    for (Value packed : registers) {
      auto [low, high] = e.unpackHalves(operand.getElementType(), packed);
      elements.push_back(low);
      elements.push_back(high);
    }
    return elements;
  }
};

/// The row and the 16-byte unit that a lane addresses in a 16 x 16 block, in
/// units of the block: matrices 0 and 1 are the upper and lower rows, 2 and 3
/// the same of the next eight columns.
struct MatrixLane {
  explicit MatrixLane(Emitter &e) {
    Value lane = e.lane();
    low = e.bits(lane, 7);
    second = e.bits(e.shr(lane, 3), 1);
    fourth = e.shr(lane, 4);
  }
  Value low, second, fourth;
};

struct LoadOperandLowering : TilePattern<LoadOperandOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadOperandOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    SharedType source = op.getSource().getType();
    auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
    MatrixLane lane(e);
    Value warp = e.warpInGroup();
    bool transposed = op.getTransposed();
    SmallVector<Value> registers;
    for (int64_t block = 0; block < rows; block += kInstructionRows)
      for (int64_t k = 0; k < columns; k += kInstructionDepth) {
        Value row, unit;
        int64_t panelColumn;
        if (transposed) {
          // The tile is [k, m]: matrix rows run over k, units over m.
          row = e.add(e.add(lane.low, e.shl(lane.fourth, 3)), k);
          unit = e.add(e.shl(warp, 1), lane.second);
          panelColumn = block;
        } else {
          row = e.add(
              e.add(e.add(lane.low, e.shl(lane.second, 3)), e.shl(warp, 4)),
              block);
          unit = e.add(lane.fourth, (k % kPanelColumns) / 8);
          panelColumn = k;
        }
        Value panel = e.offset(adaptor.getSource(),
                               panelColumn / kPanelColumns * source.getRows() *
                                   kPanelRowBytes);
        Value address = e.matrixAddress(panel, row, unit);
        Type i32 = rewriter.getI32Type();
        auto type = LLVM::LLVMStructType::getLiteral(rewriter.getContext(),
                                                     {i32, i32, i32, i32});
        Value loaded = NVVM::LdMatrixOp::create(
            rewriter, loc, type, address, 4,
            transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
            NVVM::LdStMatrixShapeAttr::get(rewriter.getContext(), 8, 8),
            NVVM::LdStMatrixEltType::B16);
        llvm::append_range(registers, e.unpack(loaded));
      }
    rewriter.replaceOp(op, e.pack(registers));
    return success();
  }
};

struct StoreSharedLowering : TilePattern<StoreSharedOp> {
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreSharedOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Emitter e(rewriter, loc);
    SharedType tile = op.getDestination().getType();
    auto [rows, columns] = getRegisterTileShape(op.getValue().getType());
    SmallVector<Value> elements = e.unpack(adaptor.getValue());
    MatrixLane lane(e);
    Value warp = e.warpInGroup();
    size_t next = 0;
    for (int64_t block = 0; block < rows; block += kInstructionRows)
      for (int64_t column = 0; column < columns; column += 16) {
        SmallVector<Value> registers;
        for (int64_t i = 0; i < 4; ++i, next += 2)
          registers.push_back(e.packHalves(tile.getElementType(),
                                           elements[next], elements[next + 1]));
        Value row =
            e.add(e.add(e.add(lane.low, e.shl(lane.second, 3)), e.shl(warp, 4)),
                  block);
        Value unit = e.add(lane.fourth, (column % kPanelColumns) / 8);
        Value panel =
            e.offset(adaptor.getDestination(),
                     column / kPanelColumns * tile.getRows() * kPanelRowBytes);
        NVVM::StMatrixOp::create(
            rewriter, loc, e.matrixAddress(panel, row, unit), registers,
            NVVM::MMALayout::row,
            NVVM::LdStMatrixShapeAttr::get(rewriter.getContext(), 8, 8),
            NVVM::LdStMatrixEltType::B16);
      }
    rewriter.eraseOp(op);
    return success();
  }
};

/// exp and exp2 by the instruction that the hardware has.
template <typename OpTy>
struct ExponentialLowering : OpConversionPattern<OpTy> {
  using OpConversionPattern<OpTy>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter e(rewriter, op.getLoc());
    Value exponent = adaptor.getOperand();
    if (!exponent.getType().isF32())
      return rewriter.notifyMatchFailure(op, "expects f32");
    if constexpr (std::is_same_v<OpTy, math::ExpOp>) {
      constexpr float log2e = 1.44269504088896340736f;
      exponent =
          arith::MulFOp::create(rewriter, op.getLoc(), exponent, e.f32(log2e));
    }
    rewriter.replaceOp(
        op, LLVM::CallIntrinsicOp::create(
                rewriter, op.getLoc(), rewriter.getF32Type(),
                rewriter.getStringAttr("llvm.nvvm.ex2.approx.ftz.f32"),
                ValueRange{exponent})
                .getResults());
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
    patterns
        .add<KernelLowering, ReturnLowering, RoleLowering, OneThreadLowering,
             BlockIdLowering, AllocLowering, StageLowering, PanelLowering,
             BarrierInitLowering, BarrierWaitLowering, BarrierArriveLowering,
             BarrierExpectLowering, LoadLowering, StoreLowering,
             StoreWaitLowering, FenceLowering, SyncLowering, ConstantLowering,
             ContractLowering, WaitLowering, MapLowering, LoadOperandLowering,
             StoreSharedLowering, ExponentialLowering<math::ExpOp>,
             ExponentialLowering<math::Exp2Op>>(converter, context);
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
