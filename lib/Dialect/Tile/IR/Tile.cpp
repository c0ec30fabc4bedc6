//===- Tile.cpp - the tile dialect ----------------------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Tile/IR/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

#include "linattn/Dialect/Tile/IR/Dialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "linattn/Dialect/Tile/IR/Attrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "linattn/Dialect/Tile/IR/Types.cpp.inc"

#define GET_OP_CLASSES
#include "linattn/Dialect/Tile/IR/Ops.cpp.inc"

void TileDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "linattn/Dialect/Tile/IR/Attrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "linattn/Dialect/Tile/IR/Types.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "linattn/Dialect/Tile/IR/Ops.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

LogicalResult PlanAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t groups, int64_t columnBlocks,
                               int64_t stages, bool, bool, bool, bool, bool) {
  for (auto [name, value, limit] :
       {std::tuple("groups", groups, int64_t(7)),
        std::tuple("column_blocks", columnBlocks, int64_t(64)),
        std::tuple("stages", stages, int64_t(64))})
    if (value < 1 || value > limit)
      return emitError() << "expects `" << name << "` from 1 to " << limit
                         << ", but got " << value;
  return success();
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

using EmitErrorFn = llvm::function_ref<InFlightDiagnostic()>;

static bool isHalf(Type type) { return type.isBF16() || type.isF16(); }

static LogicalResult verifyHalf(EmitErrorFn emitError, Type type) {
  if (isHalf(type))
    return success();
  return emitError() << "expects bf16 or f16 elements, but got " << type;
}

static LogicalResult verifyMultiple(EmitErrorFn emitError, StringRef name,
                                    int64_t size, int64_t factor) {
  if (size > 0 && size % factor == 0)
    return success();
  return emitError() << "expects " << name << " to be a multiple of " << factor
                     << ", but got " << size;
}

LogicalResult SharedType::verify(EmitErrorFn emitError, int64_t stages,
                                 int64_t rows, int64_t columns, Type element) {
  if (stages < 1)
    return emitError() << "expects at least one stage, but got " << stages;
  // A swizzled unit is permuted within eight rows.
  if (failed(verifyMultiple(emitError, "rows", rows, 8)) ||
      failed(verifyMultiple(emitError, "columns", columns, kPanelColumns)))
    return failure();
  return verifyHalf(emitError, element);
}

LogicalResult SharedVectorType::verify(EmitErrorFn emitError, int64_t stages,
                                       int64_t size) {
  if (stages < 1)
    return emitError() << "expects at least one stage, but got " << stages;
  // One element a lane, so that a warp can hold it.
  return verifyMultiple(emitError, "size", size, 32);
}

static LogicalResult verifyAccumulator(EmitErrorFn emitError, int64_t rows,
                                       int64_t columns, Type element) {
  if (failed(verifyMultiple(emitError, "rows", rows, kInstructionRows)) ||
      failed(verifyMultiple(emitError, "columns", columns, 8)))
    return failure();
  if (!element.isF32())
    return emitError() << "expects f32 elements, but got " << element;
  return success();
}

LogicalResult AccumulatorType::verify(EmitErrorFn emitError, int64_t rows,
                                      int64_t columns, Type element) {
  return verifyAccumulator(emitError, rows, columns, element);
}

LogicalResult PendingType::verify(EmitErrorFn emitError, int64_t rows,
                                  int64_t columns, Type element) {
  return verifyAccumulator(emitError, rows, columns, element);
}

LogicalResult OperandType::verify(EmitErrorFn emitError, int64_t rows,
                                  int64_t columns, Type element) {
  if (failed(verifyMultiple(emitError, "rows", rows, kInstructionRows)) ||
      failed(verifyMultiple(emitError, "columns", columns, 16)))
    return failure();
  return verifyHalf(emitError, element);
}

LogicalResult GlobalType::verify(EmitErrorFn emitError, int64_t rank,
                                 int64_t rows, Type element,
                                 int64_t alignment) {
  if (rank < 2 || rank > 5)
    return emitError() << "expects a rank from 2 to 5, but got " << rank;
  if (rows < 8 || rows > 256)
    return emitError() << "expects 8 to 256 rows, but got " << rows;
  if (!llvm::is_contained({2, 4, 8, 16}, alignment))
    return emitError() << "expects an alignment of 2, 4, 8 or 16 bytes, but "
                          "got "
                       << alignment;
  return verifyHalf(emitError, element);
}

LogicalResult BarrierType::verify(EmitErrorFn emitError, int64_t stages,
                                  int64_t arrivals) {
  if (stages < 1)
    return emitError() << "expects at least one stage, but got " << stages;
  if (arrivals < 1)
    return emitError() << "expects at least one arrival, but got " << arrivals;
  return success();
}

std::pair<int64_t, int64_t>
mlir::linattn::tile::getRegisterTileShape(Type type) {
  return TypeSwitch<Type, std::pair<int64_t, int64_t>>(type)
      .Case<AccumulatorType, OperandType, PendingType>([](auto typed) {
        return std::make_pair(typed.getRows(), typed.getColumns());
      });
}

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

void KernelOp::print(OpAsmPrinter &p) {
  p << ' ';
  p.printSymbolName(getSymName());
  function_interface_impl::printFunctionSignature(
      p, *this, getArgumentTypes(), /*isVariadic=*/false, getResultTypes());
  p << " warpgroups " << getWarpgroups();
  p.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {getSymNameAttrName(), getFunctionTypeAttrName(), getWarpgroupsAttrName(),
       getArgAttrsAttrName(), getResAttrsAttrName()});
  p << ' ';
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                /*printBlockTerminators=*/false);
}

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  StringAttr name;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name),
                             result.attributes))
    return failure();
  SmallVector<OpAsmParser::Argument> args;
  SmallVector<Type> resultTypes;
  SmallVector<DictionaryAttr> resultAttrs;
  bool isVariadic = false;
  if (function_interface_impl::parseFunctionSignatureWithArguments(
          parser, /*allowVariadic=*/false, args, isVariadic, resultTypes,
          resultAttrs))
    return failure();
  SmallVector<Type> argTypes;
  for (const OpAsmParser::Argument &arg : args)
    argTypes.push_back(arg.type);
  result.addAttribute(getFunctionTypeAttrName(result.name),
                      TypeAttr::get(b.getFunctionType(argTypes, resultTypes)));
  IntegerAttr warpgroups;
  if (parser.parseKeyword("warpgroups") ||
      parser.parseAttribute(warpgroups, b.getI64Type(),
                            getWarpgroupsAttrName(result.name),
                            result.attributes) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  call_interface_impl::addArgAndResultAttrs(b, result, args, resultAttrs,
                                            getArgAttrsAttrName(result.name),
                                            getResAttrsAttrName(result.name));
  Region *body = result.addRegion();
  if (parser.parseRegion(*body, args))
    return failure();
  ensureTerminator(*body, b, result.location);
  return success();
}

/// Threads that a multiprocessor runs at most.
static constexpr int64_t kMaxThreads = 2048;

int64_t mlir::linattn::tile::getResidentBlocks(KernelOp kernel) {
  auto blocks = kernel->getAttrOfType<IntegerAttr>(kResidentBlocksAttrName);
  return blocks ? blocks.getInt() : 1;
}

LogicalResult KernelOp::verify() {
  if (getWarpgroups() < 1 || getWarpgroups() > 8)
    return emitOpError() << "expects 1 to 8 warpgroups, but got "
                         << getWarpgroups();
  if (!getResultTypes().empty())
    return emitOpError() << "expects no results, but got "
                         << getResultTypes().size();
  if (Attribute blocks = (*this)->getAttr(kResidentBlocksAttrName)) {
    auto number = dyn_cast<IntegerAttr>(blocks);
    int64_t most = kMaxThreads / (getWarpgroups() * kWarpgroupThreads);
    if (!number || number.getInt() < 1 || number.getInt() > most)
      return emitOpError() << "expects '" << kResidentBlocksAttrName
                           << "' to be a number from 1 to " << most
                           << ", but got " << blocks;
  }
  // The role of every warp so far.
  SmallVector<RoleOp> roles(getWarpgroups() * 4);
  for (RoleOp role : getBody().getOps<RoleOp>()) {
    int64_t first = role.getFirstWarp(), end = first + role.getNumWarps();
    if (end > static_cast<int64_t>(roles.size()))
      return role.emitOpError() << "expects warps below " << roles.size()
                                << ", but got " << first << " to " << end - 1;
    for (int64_t warp = first; warp < end; ++warp) {
      if (roles[warp])
        return role.emitOpError()
               << "expects warps that have no role, but warp " << warp
               << " has the role \"" << roles[warp].getName() << "\"";
      roles[warp] = role;
    }
    // Registers move to and from whole warpgroups.
    for (int64_t warp = first / 4 * 4; warp < first / 4 * 4 + 4; ++warp)
      if (roles[warp] && roles[warp].getRegisters() != role.getRegisters())
        return role.emitOpError()
               << "expects " << roles[warp].getRegisters()
               << " registers, as role \"" << roles[warp].getName()
               << "\" of the same warpgroup, but got " << role.getRegisters();
  }
  return success();
}

LogicalResult RoleOp::verify() {
  if (getFirst() < 0 || getCount() < 1)
    return emitOpError() << "expects at least one "
                         << (getOfWarps() ? "warp" : "warpgroup")
                         << ", but got " << getCount() << " from "
                         << getFirst();
  if (getOfWarps() && getFirst() / 4 != (getFirst() + getCount() - 1) / 4)
    return emitOpError() << "expects warps of one warpgroup, but got "
                         << getFirst() << " to " << getFirst() + getCount() - 1;
  // The range and the step that setmaxnreg takes.
  if (getRegisters() < 24 || getRegisters() > 256 || getRegisters() % 8 != 0)
    return emitOpError() << "expects 24 to 256 registers, in steps of 8, but "
                            "got "
                         << getRegisters();
  Block &body = getBody().front();
  if (body.getNumArguments() != 1 ||
      !body.getArgument(0).getType().isInteger(32))
    return emitOpError() << "expects one block argument of type i32";
  return success();
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

LogicalResult StageOp::verify() {
  Type expected =
      TypeSwitch<Type, Type>(getRing().getType())
          .Case([&](SharedType ring) {
            return SharedType::get(getContext(), 1, ring.getRows(),
                                   ring.getColumns(), ring.getElementType());
          })
          .Case([&](SharedVectorType ring) {
            return SharedVectorType::get(getContext(), 1, ring.getSize());
          });
  if (getResult().getType() != expected)
    return emitOpError() << "expects a result of type " << expected
                         << ", but got " << getResult().getType();
  return success();
}

LogicalResult PanelOp::verify() {
  SharedType source = getSource().getType(), panel = getResult().getType();
  if (source.getStages() != 1)
    return emitOpError() << "expects one tile, but got " << source.getStages()
                         << " stages";
  if (panel.getStages() != 1 || panel.getRows() != source.getRows() ||
      panel.getElementType() != source.getElementType() ||
      panel.getColumns() > source.getColumns())
    return emitOpError() << "expects some columns of " << source << ", but got "
                         << panel;
  return success();
}

/// Verifies the sides of a copy between global and shared memory.
static LogicalResult verifyCopy(Operation *op, GlobalType tensor,
                                SharedType tile, size_t numCoordinates) {
  if (static_cast<int64_t>(numCoordinates) != tensor.getRank())
    return op->emitOpError() << "expects " << tensor.getRank()
                             << " coordinates, but got " << numCoordinates;
  if (tile.getStages() != 1)
    return op->emitOpError()
           << "expects one tile, but got " << tile.getStages() << " stages";
  if (tile.getRows() != tensor.getRows() ||
      tile.getElementType() != tensor.getElementType())
    return op->emitOpError()
           << "expects a tile of " << tensor.getRows() << " rows of "
           << tensor.getElementType() << ", but got " << tile;
  return success();
}

LogicalResult LoadOp::verify() {
  return verifyCopy(*this, getSource().getType(), getDestination().getType(),
                    getCoordinates().size());
}

LogicalResult StoreOp::verify() {
  return verifyCopy(*this, getDestination().getType(), getSource().getType(),
                    getCoordinates().size());
}

LogicalResult LoadGroupOp::verify() {
  if (getBody().getOps<LoadOp>().empty())
    return emitOpError() << "expects at least one tile.load in its body";
  for (Operation &op : getBody().front())
    if (!isa<LoadOp>(op) && !isMemoryEffectFree(&op))
      return op.emitOpError()
             << "expects to be outside of the load group: it holds loads and "
                "what computes their operands";
  return success();
}

LogicalResult ZeroRowsOp::verify() {
  int64_t stages = getTile().getType().getStages();
  if (stages != 1)
    return emitOpError() << "expects one tile, but got " << stages << " stages";
  return success();
}

static LogicalResult verifyOneVector(Operation *op, SharedVectorType type) {
  if (type.getStages() != 1)
    return op->emitOpError()
           << "expects one vector, but got " << type.getStages() << " stages";
  return success();
}

LogicalResult ElementOp::verify() {
  return verifyOneVector(*this, getSource().getType());
}

LogicalResult StoreElementOp::verify() {
  return verifyOneVector(*this, getDestination().getType());
}

LogicalResult ContractOp::verify() {
  int64_t m, lhsK, n, rhsK;
  Type element;
  if (auto lhs = dyn_cast<SharedType>(getLhs().getType())) {
    if (lhs.getStages() != 1)
      return emitOpError() << "expects one tile as left operand, but got "
                           << lhs.getStages() << " stages";
    std::tie(m, lhsK) = getTransposeLhs()
                            ? std::make_pair(lhs.getColumns(), lhs.getRows())
                            : std::make_pair(lhs.getRows(), lhs.getColumns());
    element = lhs.getElementType();
  } else {
    auto operand = cast<OperandType>(getLhs().getType());
    if (getTransposeLhs())
      return emitOpError() << "expects a left operand in shared memory to "
                              "transpose, but got "
                           << operand;
    m = operand.getRows();
    lhsK = operand.getColumns();
    element = operand.getElementType();
  }
  SharedType rhs = getRhs().getType();
  if (rhs.getStages() != 1)
    return emitOpError() << "expects one tile as right operand, but got "
                         << rhs.getStages() << " stages";
  std::tie(n, rhsK) = getTransposeRhs()
                          ? std::make_pair(rhs.getColumns(), rhs.getRows())
                          : std::make_pair(rhs.getRows(), rhs.getColumns());
  if (rhs.getElementType() != element)
    return emitOpError() << "expects operands of one element type, but got "
                         << element << " and " << rhs.getElementType();
  if (lhsK != rhsK)
    return emitOpError() << "expects one contracted size, but got " << lhsK
                         << " on the left and " << rhsK << " on the right";
  if (lhsK % 16 != 0)
    return emitOpError()
           << "expects the contracted size to be a multiple of 16, but got "
           << lhsK;
  auto [rows, columns] = getRegisterTileShape(getResult().getType());
  if (getFirst() && getTransposeRhs())
    return emitOpError() << "expects a right operand that is not transposed, "
                            "of which some columns are multiplied";
  if (getFirst() && columns < n)
    n = columns;
  if (rows != m || columns != n)
    return emitOpError() << "expects a result of " << m << " x " << n
                         << ", but got " << rows << " x " << columns;
  if (getAccumulator() && getRegisterTileShape(getAccumulator().getType()) !=
                              std::make_pair(rows, columns))
    return emitOpError() << "expects an accumulator of " << m << " x " << n
                         << ", but got " << getAccumulator().getType();
  return success();
}

LogicalResult WaitOp::verify() {
  if (getPending().size() != getResults().size())
    return emitOpError() << "expects " << getPending().size()
                         << " results, but got " << getResults().size();
  for (auto [pending, result] : llvm::zip(getPending(), getResults()))
    if (getRegisterTileShape(pending.getType()) !=
        getRegisterTileShape(result.getType()))
      return emitOpError() << "expects the shape of " << pending.getType()
                           << ", but got " << result.getType();
  return success();
}

std::pair<int64_t, int64_t> MapOp::getShape() {
  return getRegisterTileShape(getResult() ? getResult().getType()
                                          : getInputs().front().getType());
}

LogicalResult MapOp::verify() {
  if (!getResult() && getInputs().empty())
    return emitOpError()
           << "expects an input or a result, which give the shape";
  auto shape = getShape();
  for (Value input : getInputs())
    if (getRegisterTileShape(input.getType()) != shape)
      return emitOpError() << "expects inputs of "
                           << (getResult() ? "the shape of the result"
                                           : "one shape")
                           << ", " << shape.first << " x " << shape.second
                           << ", but got " << input.getType();
  Block &body = getBody().front();
  if (body.getNumArguments() != getInputs().size() + 2)
    return emitOpError() << "expects " << getInputs().size() + 2
                         << " block arguments: an element of each input, the "
                            "row and the column, but got "
                         << body.getNumArguments();
  for (BlockArgument arg : body.getArguments()) {
    bool isIndex = arg.getArgNumber() >= getInputs().size();
    if (isIndex ? !arg.getType().isInteger(32) : !arg.getType().isF32())
      return emitOpError() << "expects block argument " << arg.getArgNumber()
                           << " to be " << (isIndex ? "i32" : "f32")
                           << ", but got " << arg.getType();
  }
  bool yields = !!cast<YieldOp>(body.getTerminator()).getValue();
  if (yields != !!getResult())
    return emitOpError() << "expects the body to yield "
                         << (getResult() ? "an element" : "nothing")
                         << ", but it yields "
                         << (yields ? "an element" : "nothing");
  return success();
}

LogicalResult ColumnsOp::verify() {
  AccumulatorType source = getSource().getType();
  AccumulatorType result = getResult().getType();
  int64_t first = getFirst();
  if (first < 0 || first % 8 || result.getColumns() % 8 ||
      first + result.getColumns() > source.getColumns())
    return emitOpError() << "expects whole groups of 8 columns of "
                         << source.getColumns() << ", but got columns " << first
                         << " to " << first + result.getColumns() - 1;
  if (result.getRows() != source.getRows())
    return emitOpError() << "expects all " << source.getRows()
                         << " rows, but got " << result.getRows();
  return success();
}

LogicalResult LoadOperandOp::verify() {
  SharedType source = getSource().getType();
  OperandType result = getResult().getType();
  auto expected = std::make_pair(source.getRows(), source.getColumns());
  if (getTransposed())
    std::swap(expected.first, expected.second);
  if (source.getStages() != 1 || expected != getRegisterTileShape(result) ||
      source.getElementType() != result.getElementType())
    return emitOpError() << "expects an operand of " << expected.first << " x "
                         << expected.second << " from " << source
                         << ", but got " << result;
  return success();
}

LogicalResult StoreSharedOp::verify() {
  SharedType tile = getDestination().getType();
  auto [rows, columns] = getRegisterTileShape(getValue().getType());
  if (getTransposed())
    std::swap(rows, columns);
  if (getFirst()) {
    if (getTransposed())
      return emitOpError() << "expects rows of the accumulator to be rows of "
                              "the tile, of which it has some columns";
    if (kPanelColumns % columns != 0 || columns % 16 != 0)
      return emitOpError() << "expects 16, 32 or 64 columns of a tile, but got "
                           << columns;
    columns = tile.getColumns();
  }
  if (tile.getStages() != 1 || tile.getRows() != rows ||
      tile.getColumns() != columns)
    return emitOpError() << "expects one tile of " << rows << " x " << columns
                         << ", but got " << tile;
  return success();
}
