//===- TileToHost.cpp - tile programs to functions of the host ------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostBuilder.h"

#include "linattn/Dialect/Tile/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir {
namespace linattn {
namespace tile {
#define GEN_PASS_DEF_CONVERTTILETOHOST
#include "linattn/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace tile
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {
/// Replaces an op by what a function builds: the values of its results, or
/// failure after a diagnostic.
template <typename OpTy>
class Lowering : public OpConversionPattern<OpTy> {
public:
  using Adaptor = typename OpTy::Adaptor;
  using Build = FailureOr<SmallVector<Value>> (*)(OpTy, Adaptor, HostBuilder &);

  Lowering(const TypeConverter &converter, MLIRContext *context, Build build)
      : OpConversionPattern<OpTy>(converter, context), build(build) {}

  LogicalResult
  matchAndRewrite(OpTy op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    HostBuilder h(rewriter, op.getLoc());
    FailureOr<SmallVector<Value>> values = build(op, adaptor, h);
    if (failed(values))
      return failure();
    rewriter.replaceOp(op, *values);
    return success();
  }

private:
  Build build;
};

using Values = SmallVector<Value>;
} // namespace

/// Adds the pattern for an op.
template <typename OpTy>
static void add(RewritePatternSet &patterns, const TypeConverter &converter,
                typename Lowering<OpTy>::Build build) {
  patterns.add<Lowering<OpTy>>(converter, patterns.getContext(), build);
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

/// The parameter of the function around an op: 0 is the block, 1 the thread.
static Value getParameter(Operation *op, unsigned number) {
  return op->getParentOfType<func::FuncOp>().getArgument(number);
}

namespace {
struct KernelLowering : OpConversionPattern<KernelOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(KernelOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    HostBuilder h(rewriter, op.getLoc());
    Type i32 = rewriter.getI32Type(), i64 = rewriter.getI64Type();
    auto function = func::FuncOp::create(
        rewriter, op.getLoc(), op.getSymName(),
        rewriter.getFunctionType({i32, i32, h.pointerType()}, {}));
    function.setPrivate();
    Block *entry = function.addEntryBlock();
    rewriter.setInsertionPointToStart(entry);
    Values arguments;
    int64_t next = 0;
    for (Type type : op.getArgumentTypes()) {
      Value word = h.at(entry->getArgument(2), i64, h.i64(next++));
      if (auto global = dyn_cast<GlobalType>(type)) {
        arguments.push_back(word);
        next += 2 * global.getRank() - 1;
      } else {
        arguments.push_back(
            LLVM::LoadOp::create(rewriter, op.getLoc(), type, word));
      }
    }
    rewriter.inlineBlockBefore(&op.getBody().front(), entry, entry->end(),
                               arguments);
    rewriter.eraseOp(op);
    return success();
  }
};

/// The crews of the role run it.
struct RoleLowering : OpConversionPattern<RoleOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(RoleOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    HostBuilder h(rewriter, loc);
    Value warp =
        arith::DivUIOp::create(rewriter, loc, getParameter(op, 1), h.i32(32));
    warp = arith::SubIOp::create(rewriter, loc, warp, h.i32(op.getFirstWarp()));
    Value runs = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::ult,
                                       warp, h.i32(op.getNumWarps()));
    auto branch =
        scf::IfOp::create(rewriter, loc, runs, /*withElseRegion=*/false);
    rewriter.setInsertionPointToStart(branch.thenBlock());
    Value member = arith::DivUIOp::create(rewriter, loc, warp,
                                          h.i32(op.getOfWarps() ? 1 : 4));
    Block *body = &op.getBody().front();
    rewriter.eraseOp(body->getTerminator());
    rewriter.inlineBlockBefore(body, branch.thenBlock(),
                               rewriter.getInsertionPoint(), member);
    rewriter.eraseOp(op);
    return success();
  }
};

struct LoadGroupLowering : OpConversionPattern<LoadGroupOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(LoadGroupOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override;
};
} // namespace

static void populateStructurePatterns(RewritePatternSet &patterns,
                                      const TypeConverter &converter) {
  patterns.add<KernelLowering, RoleLowering, LoadGroupLowering>(
      converter, patterns.getContext());
  add<ReturnOp>(patterns, converter,
                [](auto, auto, HostBuilder &h) -> FailureOr<Values> {
                  func::ReturnOp::create(h.b, h.loc);
                  return Values();
                });
  add<BlockIdOp>(patterns, converter,
                 [](auto op, auto, HostBuilder &) -> FailureOr<Values> {
                   return Values{getParameter(op, 0)};
                 });
  add<NVVM::ThreadIdXOp>(patterns, converter,
                         [](auto op, auto, HostBuilder &) -> FailureOr<Values> {
                           return Values{getParameter(op, 1)};
                         });
}

//===----------------------------------------------------------------------===//
// Shared memory and barriers
//===----------------------------------------------------------------------===//

/// The address of a barrier of a ring.
static Value getBarrier(HostBuilder &h, Value ring, Value index) {
  return h.add(ring, h.mul(h.widen(index), 8));
}

/// `bytes` for every step of `index` behind an address.
static Value getBehind(HostBuilder &h, Value base, Value index, int64_t bytes) {
  return h.at(base, h.b.getI8Type(), h.mul(h.widen(index), bytes));
}

static void populateSharedMemoryPatterns(RewritePatternSet &patterns,
                                         const TypeConverter &converter) {
  add<AllocOp>(
      patterns, converter,
      [](auto op, auto, HostBuilder &h) -> FailureOr<Values> {
        if (!op.getOffset())
          return op.emitOpError("expects an offset; run tile-allocate-shared");
        return Values{
            h.call("shared", h.pointerType(), {h.i64(*op.getOffset())})};
      });
  add<StageOp>(patterns, converter,
               [](auto op, auto operands, HostBuilder &h) -> FailureOr<Values> {
                 Type ring = op.getRing().getType();
                 auto vector = dyn_cast<SharedVectorType>(ring);
                 int64_t bytes = vector ? vector.getVectorBytes()
                                        : cast<SharedType>(ring).getTileBytes();
                 return Values{getBehind(h, operands.getRing(),
                                         operands.getIndex(), bytes)};
               });
  add<PanelOp>(patterns, converter,
               [](auto op, auto operands, HostBuilder &h) -> FailureOr<Values> {
                 // Panels follow each other: column c starts at c * rows * 2
                 // bytes.
                 return Values{
                     getBehind(h, operands.getSource(), operands.getColumn(),
                               op.getSource().getType().getRows() * 2)};
               });
  add<ElementOp>(patterns, converter,
                 [](auto, auto operands, HostBuilder &h) -> FailureOr<Values> {
                   Type f32 = h.b.getF32Type();
                   Value place = h.at(operands.getSource(), f32,
                                      h.widen(operands.getIndex()));
                   return Values{LLVM::LoadOp::create(h.b, h.loc, f32, place)};
                 });
  add<BarrierInitOp>(
      patterns, converter,
      [](auto op, auto, HostBuilder &h) -> FailureOr<Values> {
        if (!op.getOffset())
          return op.emitOpError("expects an offset; run tile-allocate-shared");
        BarrierType type = op.getResult().getType();
        Value ring = h.i64(*op.getOffset());
        h.call("barrier_init", {},
               {ring, h.i64(type.getStages()), h.i64(type.getArrivals())});
        return Values{ring};
      });
  add<BarrierWaitOp>(
      patterns, converter,
      [](auto, auto operands, HostBuilder &h) -> FailureOr<Values> {
        h.call("barrier_wait", {},
               {getBarrier(h, operands.getBarrier(), operands.getIndex()),
                h.widen(operands.getPhase())});
        return Values();
      });
  add<BarrierArriveOp>(
      patterns, converter,
      [](auto, auto operands, HostBuilder &h) -> FailureOr<Values> {
        h.call("barrier_arrive", {},
               {getBarrier(h, operands.getBarrier(), operands.getIndex())});
        return Values();
      });
  add<FenceOp>(
      patterns, converter,
      [](auto, auto, HostBuilder &) -> FailureOr<Values> { return Values(); });
  add<SyncOp>(patterns, converter,
              [](auto op, auto operands, HostBuilder &h) -> FailureOr<Values> {
                h.call("sync", {},
                       {h.widen(operands.getId()), h.i64(op.getWarpgroups())});
                return Values();
              });
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

LogicalResult
LoadGroupLowering::matchAndRewrite(LoadGroupOp op, OpAdaptor adaptor,
                                   ConversionPatternRewriter &rewriter) const {
  rewriter.inlineBlockBefore(&op.getBody().front(), op);
  HostBuilder h(rewriter, op.getLoc());
  h.call("end_loads", {},
         {getBarrier(h, adaptor.getBarrier(), adaptor.getIndex())});
  rewriter.eraseOp(op);
  return success();
}

/// A copy between a tile and the tensor at `words`.
static void callCopy(HostBuilder &h, StringRef name, Value tile,
                     SharedType type, Value validRows, Value words,
                     ValueRange coordinates) {
  Values arguments = {tile, h.i64(type.getRows()), h.i64(type.getColumns())};
  if (validRows)
    arguments.push_back(validRows);
  arguments.push_back(h.i64(coordinates.size()));
  arguments.push_back(words);
  unsigned numFixed = arguments.size();
  for (Value coordinate : coordinates)
    arguments.push_back(h.widen(coordinate));
  h.call(name, {}, arguments, numFixed);
}

static void populateCopyPatterns(RewritePatternSet &patterns,
                                 const TypeConverter &converter) {
  add<LoadOp>(patterns, converter,
              [](auto op, auto operands, HostBuilder &h) -> FailureOr<Values> {
                callCopy(h, "load", operands.getDestination(),
                         op.getDestination().getType(), Value(),
                         operands.getSource(), operands.getCoordinates());
                return Values();
              });
  add<StoreOp>(patterns, converter,
               [](auto op, auto operands, HostBuilder &h) -> FailureOr<Values> {
                 SharedType type = op.getSource().getType();
                 Value valid = operands.getValidRows();
                 valid = valid ? h.widen(valid) : h.i64(type.getRows());
                 callCopy(h, "store", operands.getSource(), type, valid,
                          operands.getDestination(), operands.getCoordinates());
                 return Values();
               });
  add<StoreWaitOp>(patterns, converter,
                   [](auto op, auto, HostBuilder &h) -> FailureOr<Values> {
                     h.call("store_wait", {}, {h.i64(op.getUnfinished())});
                     return Values();
                   });
  add<ZeroRowsOp>(
      patterns, converter,
      [](auto op, auto operands, HostBuilder &h) -> FailureOr<Values> {
        SharedType type = op.getTile().getType();
        h.call("zero_rows", {},
               {operands.getTile(), h.i64(type.getRows()),
                h.i64(type.getColumns()), h.widen(operands.getFirst())});
        return Values();
      });
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

/// How the machine names the type of elements.
static Value getElementCode(HostBuilder &h, Type type) {
  return h.i64(type.isF32() ? 0 : type.isBF16() ? 1 : 2);
}

/// How the machine names the layout of an operand.
static Value getLayoutCode(HostBuilder &h, bool shared, bool transposed) {
  return h.i64((shared ? 1 : 0) + (transposed ? 2 : 0));
}

static Type getElementType(Type type) {
  if (auto operand = dyn_cast<OperandType>(type))
    return operand.getElementType();
  return Float32Type::get(type.getContext());
}

/// Builds a loop over [0, size) and runs `body` with the i32 in it.
static void buildLoop(HostBuilder &h, int64_t size,
                      llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(h.b, h.loc, h.i32(0), h.i32(size), h.i32(1));
  OpBuilder::InsertionGuard guard(h.b);
  h.b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

/// Computes one element: reads the inputs at `place`, runs `body` with them and
/// `indices`, and writes what it yields to `result`.
static void buildElement(HostBuilder &h, Block &body, TypeRange types,
                         ValueRange inputs, ValueRange indices, Value place,
                         Value result, Type resultElement) {
  OpBuilder &b = h.b;
  Type f32 = b.getF32Type();
  IRMapping mapping;
  for (auto [argument, type, input] :
       llvm::zip(body.getArguments(), types, inputs)) {
    Type element = getElementType(type);
    Value value =
        LLVM::LoadOp::create(b, h.loc, element, h.at(input, element, place));
    if (element != f32)
      value = arith::ExtFOp::create(b, h.loc, f32, value);
    mapping.map(argument, value);
  }
  mapping.map(body.getArguments().take_back(indices.size()), indices);
  for (Operation &op : body.without_terminator())
    b.clone(op, mapping);
  if (!result)
    return;
  Value value =
      mapping.lookupOrDefault(cast<YieldOp>(body.getTerminator()).getValue());
  if (resultElement != f32)
    value = arith::TruncFOp::create(b, h.loc, resultElement, value);
  LLVM::StoreOp::create(b, h.loc, value, h.at(result, resultElement, place));
}

/// A buffer for a new value.
static Value getNew(HostBuilder &h, int64_t elements, Type element) {
  int64_t bytes = elements * element.getIntOrFloatBitWidth() / 8;
  return h.call("new", h.pointerType(), {h.i64(bytes)});
}

static FailureOr<Values> lowerMap(MapOp op, MapOp::Adaptor operands,
                                  HostBuilder &h) {
  auto [rows, columns] = op.getShape();
  Value result;
  Type element;
  if (op.getResult()) {
    element = getElementType(op.getResult().getType());
    result = getNew(h, rows * columns, element);
  }
  int64_t width = columns;
  buildLoop(h, rows, [&](Value row) {
    buildLoop(h, width, [&](Value column) {
      Value place = h.widen(column);
      place = h.add(place, h.mul(h.widen(row), width));
      buildElement(h, op.getBody().front(), op.getInputs().getTypes(),
                   operands.getInputs(), {row, column}, place, result, element);
    });
  });
  return result ? Values{result} : Values();
}

static FailureOr<Values>
lowerContract(ContractOp op, ContractOp::Adaptor operands, HostBuilder &h) {
  auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
  SharedType rhs = op.getRhs().getType();
  Value accumulator = operands.getAccumulator();
  if (!accumulator)
    accumulator = LLVM::ZeroOp::create(h.b, h.loc, h.pointerType());
  bool lhsIsShared = isa<SharedType>(op.getLhs().getType());
  return Values{h.call(
      "contract", h.pointerType(),
      {accumulator, h.i64(rows), h.i64(columns),
       h.i64(op.getTransposeRhs() ? rhs.getRows() : rhs.getColumns()),
       operands.getLhs(), getLayoutCode(h, lhsIsShared, op.getTransposeLhs()),
       operands.getRhs(),
       getLayoutCode(h, /*shared=*/true, op.getTransposeRhs()),
       getElementCode(h, rhs.getElementType())})};
}

static void populateRegisterPatterns(RewritePatternSet &patterns,
                                     const TypeConverter &converter) {
  add<MapOp>(patterns, converter, lowerMap);
  add<ContractOp>(patterns, converter, lowerContract);
  add<tile::ConstantOp>(
      patterns, converter,
      [](auto op, auto, HostBuilder &h) -> FailureOr<Values> {
        auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
        Value value = arith::ConstantOp::create(h.b, h.loc, op.getValueAttr());
        return Values{h.call("constant", h.pointerType(),
                             {h.i64(rows * columns), value})};
      });
  add<WaitOp>(patterns, converter,
              [](auto, auto operands, HostBuilder &h) -> FailureOr<Values> {
                for (Value pending : operands.getPending())
                  h.call("wait", {}, {pending});
                return Values(operands.getPending());
              });
  add<LoadOperandOp>(
      patterns, converter,
      [](auto op, auto operands, HostBuilder &h) -> FailureOr<Values> {
        auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
        return Values{
            h.call("load_operand", h.pointerType(),
                   {operands.getSource(),
                    getLayoutCode(h, /*shared=*/true, op.getTransposed()),
                    h.i64(rows), h.i64(columns)})};
      });
  add<StoreSharedOp>(
      patterns, converter,
      [](auto op, auto operands, HostBuilder &h) -> FailureOr<Values> {
        SharedType type = op.getDestination().getType();
        h.call("store_shared", {},
               {operands.getValue(), operands.getDestination(),
                h.i64(type.getRows()), h.i64(type.getColumns()),
                getElementCode(h, type.getElementType())});
        return Values();
      });
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

static FailureOr<Values>
lowerVectorMap(VectorMapOp op, VectorMapOp::Adaptor operands, HostBuilder &h) {
  Type f32 = h.b.getF32Type();
  int64_t size = op.getResult().getType().getSize();
  Value result = getNew(h, size, f32);
  buildLoop(h, size, [&](Value index) {
    buildElement(h, op.getBody().front(), op.getInputs().getTypes(),
                 operands.getInputs(), index, h.widen(index), result, f32);
  });
  return Values{result};
}

static void populateVectorPatterns(RewritePatternSet &patterns,
                                   const TypeConverter &converter) {
  add<VectorMapOp>(patterns, converter, lowerVectorMap);
  add<VectorLoadOp>(
      patterns, converter,
      [](auto op, auto operands, HostBuilder &h) -> FailureOr<Values> {
        Value address = LLVM::AddrSpaceCastOp::create(
            h.b, h.loc, h.pointerType(), operands.getAddress());
        return Values{
            h.call("vector_load", h.pointerType(),
                   {address, operands.getIndex(), operands.getStride(),
                    h.widen(operands.getValid()), operands.getPad(),
                    h.i64(op.getResult().getType().getSize()),
                    getElementCode(h, op.getElement())})};
      });
  add<VectorScanOp>(
      patterns, converter,
      [](auto op, auto operands, HostBuilder &h) -> FailureOr<Values> {
        return Values{h.call(
            "vector_scan", h.pointerType(),
            {operands.getSource(), h.i64(op.getSource().getType().getSize()),
             h.i64(op.getReverse()), h.i64(op.getExclusive())})};
      });
  add<VectorExtractOp>(
      patterns, converter,
      [](auto, auto operands, HostBuilder &h) -> FailureOr<Values> {
        Type f32 = h.b.getF32Type();
        Value place =
            h.at(operands.getSource(), f32, h.widen(operands.getIndex()));
        return Values{LLVM::LoadOp::create(h.b, h.loc, f32, place)};
      });
  add<VectorStoreOp>(
      patterns, converter,
      [](auto op, auto operands, HostBuilder &h) -> FailureOr<Values> {
        h.call("vector_store", {},
               {operands.getValue(), operands.getDestination(),
                h.i64(op.getValue().getType().getSize())});
        return Values();
      });
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

namespace {
struct ConvertTileToHost
    : linattn::tile::impl::ConvertTileToHostBase<ConvertTileToHost> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(lowerLaunches()) || failed(lowerKernels()))
      signalPassFailure();
  }

private:
  LogicalResult lowerLaunches();
  LogicalResult lowerKernels();
};
} // namespace

LogicalResult ConvertTileToHost::lowerLaunches() {
  ModuleOp module = getOperation();
  llvm::DenseMap<StringAttr, std::pair<KernelOp, Crews>> kernels;
  for (auto kernel : module.getOps<KernelOp>()) {
    FailureOr<Crews> crews = getCrews(kernel);
    if (failed(crews))
      return failure();
    kernels[kernel.getSymNameAttr()] = {kernel, *crews};
  }
  SmallVector<LaunchOp> launches;
  module.walk([&](LaunchOp launch) { launches.push_back(launch); });
  for (LaunchOp launch : launches) {
    auto &[kernel, crews] = kernels[launch.getKernelAttr().getAttr()];
    if (!kernel)
      return launch.emitOpError("expects a tile.kernel");
    if (failed(lowerLaunch(launch, kernel, crews)))
      return failure();
  }
  module.walk([&](SmCountOp op) {
    OpBuilder b(op);
    op.replaceAllUsesWith(
        arith::ConstantIndexOp::create(b, op.getLoc(), smCount).getResult());
    op.erase();
  });
  return success();
}

LogicalResult ConvertTileToHost::lowerKernels() {
  MLIRContext *context = &getContext();
  TypeConverter converter;
  converter.addConversion([](Type type) { return type; });
  auto toPointer = [=](Type) -> Type {
    return LLVM::LLVMPointerType::get(context);
  };
  converter.addConversion([=](GlobalType type) { return toPointer(type); });
  converter.addConversion([=](SharedType type) { return toPointer(type); });
  converter.addConversion(
      [=](SharedVectorType type) { return toPointer(type); });
  converter.addConversion([=](WarpVectorType type) { return toPointer(type); });
  converter.addConversion(
      [=](AccumulatorType type) { return toPointer(type); });
  converter.addConversion([=](PendingType type) { return toPointer(type); });
  converter.addConversion([=](OperandType type) { return toPointer(type); });
  converter.addConversion(
      [=](BarrierType) -> Type { return IntegerType::get(context, 64); });

  RewritePatternSet patterns(context);
  populateStructurePatterns(patterns, converter);
  populateSharedMemoryPatterns(patterns, converter);
  populateCopyPatterns(patterns, converter);
  populateRegisterPatterns(patterns, converter);
  populateVectorPatterns(patterns, converter);
  ConversionTarget target(*context);
  target.addIllegalDialect<TileDialect>();
  target.addIllegalOp<NVVM::ThreadIdXOp>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                       target);
  return applyPartialConversion(getOperation(), target, std::move(patterns));
}
