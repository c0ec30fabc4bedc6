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
/// Replaces an op by what `build` builds: the values of its results.
template <typename OpTy, typename BuildTy>
struct Lowering : OpConversionPattern<OpTy> {
  Lowering(const TypeConverter &converter, MLIRContext *context, BuildTy build)
      : OpConversionPattern<OpTy>(converter, context), build(build) {}

  LogicalResult
  matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    HostBuilder h(rewriter, op.getLoc());
    if constexpr (OpTy::template hasTrait<OpTrait::ZeroResults>()) {
      build(op, adaptor, h);
      rewriter.eraseOp(op);
    } else {
      rewriter.replaceOp(op, build(op, adaptor, h));
    }
    return success();
  }

  BuildTy build;
};

/// The patterns of the pass.
struct HostPatterns {
  template <typename OpTy, typename BuildTy>
  void add(BuildTy build) {
    set.add<Lowering<OpTy, BuildTy>>(converter, set.getContext(), build);
  }

  RewritePatternSet &set;
  const TypeConverter &converter;
};
} // namespace

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
    SmallVector<Value> arguments;
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
} // namespace

/// The address of a barrier of a ring.
static Value getBarrier(HostBuilder &h, Value ring, Value index) {
  return h.add(ring, h.mul(h.widen(index), 8));
}

namespace {
struct LoadGroupLowering : OpConversionPattern<LoadGroupOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(LoadGroupOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.inlineBlockBefore(&op.getBody().front(), op);
    HostBuilder h(rewriter, op.getLoc());
    h.call("end_loads", {},
           {getBarrier(h, adaptor.getBarrier(), adaptor.getIndex())});
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

static void populateStructurePatterns(HostPatterns &patterns) {
  patterns.set.add<KernelLowering, RoleLowering, LoadGroupLowering>(
      patterns.converter, patterns.set.getContext());
  patterns.add<ReturnOp>(
      [](auto, auto, HostBuilder &h) { func::ReturnOp::create(h.b, h.loc); });
  patterns.add<BlockIdOp>(
      [](auto op, auto, HostBuilder &) { return getParameter(op, 0); });
  patterns.add<NVVM::ThreadIdXOp>(
      [](auto op, auto, HostBuilder &) { return getParameter(op, 1); });
}

//===----------------------------------------------------------------------===//
// Shared memory and barriers
//===----------------------------------------------------------------------===//

/// `bytes` for every step of `index` behind an address.
static Value getBehind(HostBuilder &h, Value base, Value index, int64_t bytes) {
  return h.at(base, h.b.getI8Type(), h.mul(h.widen(index), bytes));
}

static Value getElementAddress(HostBuilder &h, Value vector, Value index) {
  return h.at(vector, h.b.getF32Type(), h.widen(index));
}

/// An element of a vector.
static Value getElement(HostBuilder &h, Value vector, Value index) {
  return LLVM::LoadOp::create(h.b, h.loc, h.b.getF32Type(),
                              getElementAddress(h, vector, index));
}

static void populateSharedMemoryPatterns(HostPatterns &patterns) {
  patterns.add<AllocOp>([](auto op, auto, HostBuilder &h) {
    return h.call("shared", h.pointerType(), {h.i64(*op.getOffset())});
  });
  patterns.add<StageOp>([](auto op, auto in, HostBuilder &h) {
    Type ring = op.getRing().getType();
    auto vector = dyn_cast<SharedVectorType>(ring);
    return getBehind(h, in.getRing(), in.getIndex(),
                     vector ? vector.getVectorBytes()
                            : cast<SharedType>(ring).getTileBytes());
  });
  patterns.add<PanelOp>([](auto op, auto in, HostBuilder &h) {
    // Panels follow each other: column c starts at c * rows * 2 bytes.
    return getBehind(h, in.getSource(), in.getColumn(),
                     op.getSource().getType().getRows() * 2);
  });
  patterns.add<ElementOp>([](auto, auto in, HostBuilder &h) {
    return getElement(h, in.getSource(), in.getIndex());
  });
  patterns.add<StoreElementOp>([](auto, auto in, HostBuilder &h) {
    LLVM::StoreOp::create(
        h.b, h.loc, in.getValue(),
        getElementAddress(h, in.getDestination(), in.getIndex()));
  });
  patterns.add<BarrierInitOp>([](auto op, auto, HostBuilder &h) {
    BarrierType type = op.getResult().getType();
    Value ring = h.i64(*op.getOffset());
    h.call("barrier_init", {},
           {ring, h.i64(type.getStages()), h.i64(type.getArrivals())});
    return ring;
  });
  patterns.add<BarrierWaitOp>([](auto, auto in, HostBuilder &h) {
    h.call("barrier_wait", {},
           {getBarrier(h, in.getBarrier(), in.getIndex()),
            h.widen(in.getPhase())});
  });
  patterns.add<BarrierArriveOp>([](auto, auto in, HostBuilder &h) {
    h.call("barrier_arrive", {},
           {getBarrier(h, in.getBarrier(), in.getIndex())});
  });
  patterns.add<FenceOp>([](auto, auto, HostBuilder &) {});
  patterns.add<SyncOp>([](auto op, auto in, HostBuilder &h) {
    h.call("sync", {}, {h.widen(in.getId()), h.i64(op.getWarpgroups())});
  });
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// A copy between a tile and the tensor at `words`.
static void callCopy(HostBuilder &h, StringRef name, Value tile,
                     SharedType type, Value validRows, Value words,
                     ValueRange coordinates) {
  SmallVector<Value> arguments = {tile, h.i64(type.getRows()),
                                  h.i64(type.getColumns())};
  if (validRows)
    arguments.push_back(validRows);
  arguments.push_back(h.i64(coordinates.size()));
  arguments.push_back(words);
  unsigned numFixed = arguments.size();
  for (Value coordinate : coordinates)
    arguments.push_back(h.widen(coordinate));
  h.call(name, {}, arguments, numFixed);
}

static void populateCopyPatterns(HostPatterns &patterns) {
  patterns.add<LoadOp>([](auto op, auto in, HostBuilder &h) {
    callCopy(h, "load", in.getDestination(), op.getDestination().getType(),
             Value(), in.getSource(), in.getCoordinates());
  });
  patterns.add<StoreOp>([](auto op, auto in, HostBuilder &h) {
    SharedType type = op.getSource().getType();
    Value valid = in.getValidRows();
    callCopy(h, "store", in.getSource(), type,
             valid ? h.widen(valid) : h.i64(type.getRows()),
             in.getDestination(), in.getCoordinates());
  });
  patterns.add<StoreWaitOp>([](auto op, auto, HostBuilder &h) {
    h.call("store_wait", {}, {h.i64(op.getUnfinished())});
  });
  patterns.add<ZeroRowsOp>([](auto op, auto in, HostBuilder &h) {
    SharedType type = op.getTile().getType();
    h.call("zero_rows", {},
           {in.getTile(), h.i64(type.getRows()), h.i64(type.getColumns()),
            h.widen(in.getFirst())});
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
static Value getLayoutCode(HostBuilder &h, Value operand, bool transposed) {
  auto shared = dyn_cast<SharedType>(operand.getType());
  return h.i64((shared ? 1 : 0) + (transposed ? 2 : 0) +
               (shared ? shared.getRows() << 2 : 0));
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

static SmallVector<Value> lowerMap(MapOp op, MapOp::Adaptor in,
                                   HostBuilder &h) {
  int64_t rows = op.getShape().first, columns = op.getShape().second;
  Value result;
  Type element;
  if (op.getResult()) {
    element = getElementType(op.getResult().getType());
    result = getNew(h, rows * columns, element);
  }
  buildLoop(h, rows, [&](Value row) {
    buildLoop(h, columns, [&](Value column) {
      Value place = h.add(h.mul(h.widen(row), columns), h.widen(column));
      buildElement(h, op.getBody().front(), op.getInputs().getTypes(),
                   in.getInputs(), {row, column}, place, result, element);
    });
  });
  return result ? SmallVector<Value>{result} : SmallVector<Value>();
}

static Value lowerContract(ContractOp op, ContractOp::Adaptor in,
                           HostBuilder &h) {
  auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
  SharedType rhs = op.getRhs().getType();
  // Columns of the product are rows of the tile, of 128 bytes in a panel.
  Value rhsTile = in.getRhs();
  if (op.getFirst())
    rhsTile = getBehind(h, rhsTile, in.getFirst(), 2 * kPanelColumns);
  Value accumulator = in.getAccumulator();
  if (!accumulator)
    accumulator = LLVM::ZeroOp::create(h.b, h.loc, h.pointerType());
  return h.call("contract", h.pointerType(),
                {accumulator, h.i64(rows), h.i64(columns),
                 h.i64(op.getTransposeRhs() ? rhs.getRows() : rhs.getColumns()),
                 in.getLhs(),
                 getLayoutCode(h, op.getLhs(), op.getTransposeLhs()), rhsTile,
                 getLayoutCode(h, op.getRhs(), op.getTransposeRhs()),
                 getElementCode(h, rhs.getElementType())});
}

static Value lowerColumns(ColumnsOp op, ColumnsOp::Adaptor in, HostBuilder &h) {
  Type f32 = h.b.getF32Type();
  int64_t all = op.getSource().getType().getColumns();
  auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
  Value result = getNew(h, rows * columns, f32);
  int64_t taken = columns;
  buildLoop(h, rows, [&](Value row) {
    buildLoop(h, taken, [&](Value column) {
      Value from = h.add(h.add(h.mul(h.widen(row), all), h.widen(column)),
                         h.i64(op.getFirst()));
      Value to = h.add(h.mul(h.widen(row), taken), h.widen(column));
      Value element = LLVM::LoadOp::create(h.b, h.loc, f32,
                                           h.at(in.getSource(), f32, from));
      LLVM::StoreOp::create(h.b, h.loc, element, h.at(result, f32, to));
    });
  });
  return result;
}

static void populateRegisterPatterns(HostPatterns &patterns) {
  patterns.add<MapOp>(lowerMap);
  patterns.add<ContractOp>(lowerContract);
  patterns.add<ColumnsOp>(lowerColumns);
  patterns.add<tile::ConstantOp>([](auto op, auto, HostBuilder &h) {
    auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
    Value value = arith::ConstantOp::create(h.b, h.loc, op.getValueAttr());
    return h.call("constant", h.pointerType(), {h.i64(rows * columns), value});
  });
  patterns.add<WaitOp>([](auto, auto in, HostBuilder &h) {
    for (Value pending : in.getPending())
      h.call("wait", {}, {pending});
    return in.getPending();
  });
  patterns.add<LoadOperandOp>([](auto op, auto in, HostBuilder &h) {
    auto [rows, columns] = getRegisterTileShape(op.getResult().getType());
    return h.call("load_operand", h.pointerType(),
                  {in.getSource(),
                   getLayoutCode(h, op.getSource(), op.getTransposed()),
                   h.i64(rows), h.i64(columns)});
  });
  patterns.add<StoreSharedOp>([](auto op, auto in, HostBuilder &h) {
    auto [rows, columns] = getRegisterTileShape(op.getValue().getType());
    SharedType tile = op.getDestination().getType();
    Value place = in.getDestination();
    if (Value first = in.getFirst()) {
      // The panel, then the column in it.
      Value panel =
          arith::DivUIOp::create(h.b, h.loc, first, h.i32(kPanelColumns));
      Value column =
          arith::RemUIOp::create(h.b, h.loc, first, h.i32(kPanelColumns));
      place = getBehind(h, place, panel, tile.getRows() * kPanelColumns * 2);
      place = getBehind(h, place, column, 2);
    }
    h.call("store_shared", {},
           {in.getValue(), place,
            getLayoutCode(h, op.getDestination(), op.getTransposed()),
            h.i64(rows), h.i64(columns),
            getElementCode(h, tile.getElementType())});
  });
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

static Value lowerVectorMap(VectorMapOp op, VectorMapOp::Adaptor in,
                            HostBuilder &h) {
  Type f32 = h.b.getF32Type();
  int64_t size = op.getResult().getType().getSize();
  Value result = getNew(h, size, f32);
  buildLoop(h, size, [&](Value index) {
    buildElement(h, op.getBody().front(), op.getInputs().getTypes(),
                 in.getInputs(), index, h.widen(index), result, f32);
  });
  return result;
}

static void populateVectorPatterns(HostPatterns &patterns) {
  patterns.add<VectorMapOp>(lowerVectorMap);
  patterns.add<VectorLoadOp>([](auto op, auto in, HostBuilder &h) {
    Value address = LLVM::AddrSpaceCastOp::create(h.b, h.loc, h.pointerType(),
                                                  in.getAddress());
    return h.call("vector_load", h.pointerType(),
                  {address, in.getIndex(), in.getStride(),
                   h.widen(in.getValid()), in.getPad(),
                   h.i64(op.getResult().getType().getSize()),
                   getElementCode(h, op.getElement())});
  });
  patterns.add<VectorScanOp>([](auto op, auto in, HostBuilder &h) {
    return h.call("vector_scan", h.pointerType(),
                  {in.getSource(), h.i64(op.getSource().getType().getSize()),
                   h.i64(op.getReverse()), h.i64(op.getExclusive())});
  });
  patterns.add<VectorExtractOp>([](auto, auto in, HostBuilder &h) {
    return getElement(h, in.getSource(), in.getIndex());
  });
  patterns.add<VectorStoreOp>([](auto op, auto in, HostBuilder &h) {
    h.call("vector_store", {},
           {in.getValue(), in.getDestination(),
            h.i64(op.getValue().getType().getSize())});
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
  converter.addConversion([=](Type type) -> std::optional<Type> {
    if (isa<BarrierType>(type))
      return IntegerType::get(context, 64);
    if (isa<TileDialect>(type.getDialect()))
      return LLVM::LLVMPointerType::get(context);
    return type;
  });
  RewritePatternSet patterns(context);
  HostPatterns host{patterns, converter};
  populateStructurePatterns(host);
  populateSharedMemoryPatterns(host);
  populateCopyPatterns(host);
  populateRegisterPatterns(host);
  populateVectorPatterns(host);
  ConversionTarget target(*context);
  target.addIllegalDialect<TileDialect>();
  target.addIllegalOp<NVVM::ThreadIdXOp>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                       target);
  return applyPartialConversion(getOperation(), target, std::move(patterns));
}
