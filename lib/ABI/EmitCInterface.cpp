//===- EmitCInterface.cpp - emit the C entry points of a module ----------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/ABI/Interface.h"
#include "linattn/ABI/Messages.h"
#include "linattn/ABI/Passes.h"

#include "linattn-c/Program.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir {
namespace linattn {
#define GEN_PASS_DEF_LINATTNEMITCINTERFACE
#include "linattn/ABI/Passes.h.inc"
} // namespace linattn
} // namespace mlir

using namespace mlir;
using namespace mlir::linattn;
using llvm::formatv;

/// Fields of `linattn_tensor` and `linattn_status`.
enum TensorField { kData, kDtype, kRank, kSizes, kStrides };
enum StatusField { kCode, kMessage };

/// No tensor in memory has a larger dimension than this.
static constexpr int64_t kMaxSize = int64_t(1) << 48;

namespace {
/// Builds one C entry point: code that checks, and leaves with a code and a
/// message at the first check that fails.
class EntryBuilder {
public:
  /// Starts the function `name` with the given parameters; the last one is the
  /// status.
  EntryBuilder(OpBuilder &b, Location loc, StringRef name,
               ArrayRef<Type> parameterTypes, MessageTable &messages);

  Value getParameter(unsigned index) {
    return func.getBody().front().getArgument(index);
  }

  /// Leaves with `code` and `text` unless `condition` holds.
  void require(Value condition, linattn_code code, const Twine &text);
  /// Leaves with LINATTN_CHECK_FAILED if `message` is not null.
  void requireNull(Value message);
  /// Leaves with success.
  void finish();

  Value constant(Type type, int64_t value) {
    return LLVM::ConstantOp::create(b, loc, type,
                                    b.getIntegerAttr(type, value));
  }
  Value i64(int64_t value) { return constant(b.getI64Type(), value); }
  Value compare(LLVM::ICmpPredicate predicate, Value lhs, Value rhs) {
    return LLVM::ICmpOp::create(b, loc, predicate, lhs, rhs);
  }
  Value isTrue(LLVM::ICmpPredicate predicate, Value lhs, int64_t rhs) {
    return compare(predicate, lhs, constant(lhs.getType(), rhs));
  }
  Value bothOf(Value lhs, Value rhs) {
    return lhs ? LLVM::AndOp::create(b, loc, lhs, rhs) : rhs;
  }
  Value eitherOf(Value lhs, Value rhs) {
    return lhs ? LLVM::OrOp::create(b, loc, lhs, rhs) : rhs;
  }

  /// The address of a field of the tensor with this number.
  Value getField(unsigned tensor, TensorField field, int64_t element = -1);
  Value loadField(unsigned tensor, TensorField field, Type type,
                  int64_t element = -1) {
    return LLVM::LoadOp::create(b, loc, type, getField(tensor, field, element));
  }
  void storeField(unsigned tensor, TensorField field, Value value,
                  int64_t element = -1) {
    LLVM::StoreOp::create(b, loc, value, getField(tensor, field, element));
  }
  Value loadSize(unsigned tensor, int64_t dim) {
    return loadField(tensor, kSizes, b.getI64Type(), dim);
  }
  Value loadStride(unsigned tensor, int64_t dim) {
    return loadField(tensor, kStrides, b.getI64Type(), dim);
  }

  OpBuilder &b;
  Location loc;
  LLVM::LLVMPointerType pointerType;

private:
  LLVM::LLVMFuncOp func;
  MessageTable &messages;
  Type tensorType, statusType;
  Block *leave;
};
} // namespace

EntryBuilder::EntryBuilder(OpBuilder &b, Location loc, StringRef name,
                           ArrayRef<Type> parameterTypes,
                           MessageTable &messages)
    : b(b), loc(loc), messages(messages) {
  MLIRContext *context = b.getContext();
  pointerType = LLVM::LLVMPointerType::get(context);
  Type i32 = b.getI32Type();
  auto dims = LLVM::LLVMArrayType::get(b.getI64Type(), LINATTN_MAX_RANK);
  tensorType = LLVM::LLVMStructType::getLiteral(
      context, {pointerType, i32, i32, dims, dims});
  statusType = LLVM::LLVMStructType::getLiteral(context, {i32, pointerType});
  func = LLVM::LLVMFuncOp::create(
      b, loc, name, LLVM::LLVMFunctionType::get(i32, parameterTypes));

  OpBuilder::InsertionGuard guard(b);
  Block *entry = func.addEntryBlock(b);
  // All ways out: write the status, if there is one, and return the code.
  leave = b.createBlock(&func.getBody(), func.getBody().end(),
                        {i32, pointerType}, {loc, loc});
  Block *write = b.createBlock(&func.getBody(), func.getBody().end());
  Block *ret = b.createBlock(&func.getBody(), func.getBody().end());
  Value status = entry->getArguments().back();
  b.setInsertionPointToEnd(leave);
  Value null = LLVM::ZeroOp::create(b, loc, pointerType);
  LLVM::CondBrOp::create(b, loc, compare(LLVM::ICmpPredicate::eq, status, null),
                         ret, write);
  b.setInsertionPointToEnd(write);
  for (StatusField field : {kCode, kMessage}) {
    Value address =
        LLVM::GEPOp::create(b, loc, pointerType, statusType, status,
                            ArrayRef<LLVM::GEPArg>{0, int32_t(field)});
    LLVM::StoreOp::create(b, loc, leave->getArgument(field), address);
  }
  LLVM::BrOp::create(b, loc, ret);
  b.setInsertionPointToEnd(ret);
  LLVM::ReturnOp::create(b, loc, leave->getArgument(kCode));
}

void EntryBuilder::require(Value condition, linattn_code code,
                           const Twine &text) {
  Block *block = b.getInsertionBlock();
  Block *next = b.createBlock(&func.getBody(), leave->getIterator());
  b.setInsertionPointToEnd(block);
  Value message = messages.getAddress(b, loc, text.str());
  LLVM::CondBrOp::create(b, loc, condition, next, ValueRange(), leave,
                         ValueRange{constant(b.getI32Type(), code), message});
  b.setInsertionPointToEnd(next);
}

void EntryBuilder::requireNull(Value message) {
  Block *block = b.getInsertionBlock();
  Block *next = b.createBlock(&func.getBody(), leave->getIterator());
  b.setInsertionPointToEnd(block);
  Value null = LLVM::ZeroOp::create(b, loc, pointerType);
  LLVM::CondBrOp::create(
      b, loc, compare(LLVM::ICmpPredicate::eq, message, null), next,
      ValueRange(), leave,
      ValueRange{constant(b.getI32Type(), LINATTN_CHECK_FAILED), message});
  b.setInsertionPointToEnd(next);
}

void EntryBuilder::finish() {
  Value message = messages.getAddress(b, loc, "");
  LLVM::BrOp::create(
      b, loc, ValueRange{constant(b.getI32Type(), LINATTN_OK), message}, leave);
}

Value EntryBuilder::getField(unsigned tensor, TensorField field,
                             int64_t element) {
  SmallVector<LLVM::GEPArg> indices = {int32_t(tensor), int32_t(field)};
  if (element >= 0)
    indices.push_back(int32_t(element));
  return LLVM::GEPOp::create(b, loc, pointerType, tensorType, getParameter(0),
                             indices);
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// The name of a tensor in messages.
static std::string getTensorName(const Interface &interface, unsigned tensor) {
  unsigned numArguments = interface.arguments.size();
  if (tensor < numArguments)
    return formatv("argument {0}", tensor);
  tensor -= numArguments;
  for (unsigned result = 0; result < interface.results.size(); ++result)
    if (!interface.getInplaceArgument(result) && tensor-- == 0)
      return formatv("result {0}", result);
  llvm_unreachable("tensor number out of range");
}

static StringRef getDtypeName(int32_t dtype) {
  static constexpr StringLiteral names[] = {"f32", "f16", "bf16", "f64", "bool",
                                            "i8",  "i16", "i32",  "i64"};
  return names[dtype - 1];
}

static void checkCall(EntryBuilder &entry, const Interface &interface) {
  unsigned numArguments = interface.arguments.size();
  unsigned numTensors = interface.getParameters().size();
  entry.require(
      entry.isTrue(LLVM::ICmpPredicate::eq, entry.getParameter(1), numTensors),
      LINATTN_BAD_CALL,
      formatv("expects {0} tensors: {1} arguments and {2} results", numTensors,
              numArguments, numTensors - numArguments));
  if (numTensors == 0)
    return;
  Value null = LLVM::ZeroOp::create(entry.b, entry.loc, entry.pointerType);
  entry.require(
      entry.compare(LLVM::ICmpPredicate::ne, entry.getParameter(0), null),
      LINATTN_BAD_CALL, "expects the address of the tensors, not null");
}

/// Checks what does not depend on memory: element type, rank and sizes.
static void checkType(EntryBuilder &entry, unsigned tensor,
                      const Parameter &parameter, StringRef name) {
  Type i32 = entry.b.getI32Type();
  int32_t dtype = *getDtype(parameter.getElementType());
  entry.require(entry.isTrue(LLVM::ICmpPredicate::eq,
                             entry.loadField(tensor, kDtype, i32), dtype),
                LINATTN_BAD_DTYPE,
                formatv("{0}: expects {1} elements (linattn_dtype {2})", name,
                        getDtypeName(dtype), dtype));
  ArrayRef<int64_t> shape = parameter.getShape();
  entry.require(entry.isTrue(LLVM::ICmpPredicate::eq,
                             entry.loadField(tensor, kRank, i32), shape.size()),
                LINATTN_BAD_RANK,
                formatv("{0}: expects rank {1}", name, shape.size()));
  for (auto [dim, size] : llvm::enumerate(shape)) {
    Value actual = entry.loadSize(tensor, dim);
    if (ShapedType::isDynamic(size))
      entry.require(entry.isTrue(LLVM::ICmpPredicate::ult, actual, kMaxSize),
                    LINATTN_BAD_SIZE,
                    formatv("{0}: expects a size from 0 to 2^48 - 1 in "
                            "dimension {1}",
                            name, dim));
    else
      entry.require(
          entry.isTrue(LLVM::ICmpPredicate::eq, actual, size), LINATTN_BAD_SIZE,
          formatv("{0}: expects size {1} in dimension {2}", name, size, dim));
  }
}

/// Checks strides and data.
static void checkMemory(EntryBuilder &entry, unsigned tensor,
                        const Parameter &parameter, StringRef name,
                        bool isWritten) {
  MemRefType type;
  SmallVector<int64_t> strides;
  int64_t offset;
  ArrayRef<int64_t> shape = parameter.getShape();
  bool isContiguous = false;
  if (!parameter.isScalar()) {
    type = parameter.getMemRefType();
    (void)type.getStridesAndOffset(strides, offset);
    isContiguous = shape.size() > 1 && type.getLayout().isIdentity();
  }

  Value isEmpty;
  for (unsigned dim = 0; dim < shape.size(); ++dim)
    if (shape[dim] == 0 || ShapedType::isDynamic(shape[dim]))
      isEmpty =
          entry.eitherOf(isEmpty, entry.isTrue(LLVM::ICmpPredicate::eq,
                                               entry.loadSize(tensor, dim), 0));
  auto orEmpty = [&](Value condition) {
    return isEmpty ? entry.eitherOf(condition, isEmpty) : condition;
  };

  // Strides, from the inner dimension outwards. That of a dimension with one
  // element does not matter.
  Value expected;
  for (unsigned dim = shape.size(); dim-- > 0;) {
    Value stride = entry.loadStride(tensor, dim);
    Value holds;
    std::string what;
    if (dim + 1 == shape.size()) {
      holds = entry.isTrue(LLVM::ICmpPredicate::eq, stride, 1);
      what = "stride 1";
      expected = entry.i64(1);
    } else if (isContiguous) {
      expected = LLVM::MulOp::create(entry.b, entry.loc, expected,
                                     entry.loadSize(tensor, dim + 1));
      holds = entry.compare(LLVM::ICmpPredicate::eq, stride, expected);
      what = "the row-major stride";
    } else if (!ShapedType::isDynamic(strides[dim])) {
      holds = entry.isTrue(LLVM::ICmpPredicate::eq, stride, strides[dim]);
      what = formatv("stride {0}", strides[dim]);
    } else if (isWritten) {
      holds = entry.isTrue(LLVM::ICmpPredicate::ne, stride, 0);
      what = "a stride other than 0";
    } else {
      continue;
    }
    Value isOne =
        entry.isTrue(LLVM::ICmpPredicate::eq, entry.loadSize(tensor, dim), 1);
    entry.require(
        orEmpty(entry.eitherOf(holds, isOne)), LINATTN_BAD_STRIDE,
        formatv("{0}: expects {1} in dimension {2}", name, what, dim));
    // `isEmpty` and `expected` stay visible: their block dominates all later
    // ones.
  }

  Value data = entry.loadField(tensor, kData, entry.pointerType);
  Value null = LLVM::ZeroOp::create(entry.b, entry.loc, entry.pointerType);
  entry.require(orEmpty(entry.compare(LLVM::ICmpPredicate::ne, data, null)),
                LINATTN_BAD_DATA, formatv("{0}: expects data, not null", name));
  int64_t bytes = getElementBytes(parameter.getElementType());
  if (bytes == 1)
    return;
  Value address =
      LLVM::PtrToIntOp::create(entry.b, entry.loc, entry.b.getI64Type(), data);
  Value low =
      LLVM::AndOp::create(entry.b, entry.loc, address, entry.i64(bytes - 1));
  entry.require(orEmpty(entry.isTrue(LLVM::ICmpPredicate::eq, low, 0)),
                LINATTN_BAD_DATA,
                formatv("{0}: expects data aligned to {1} bytes", name, bytes));
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// The sizes of the first `count` tensors of a call.
static SmallVector<Value> loadSizes(EntryBuilder &entry,
                                    ArrayRef<Parameter> parameters) {
  SmallVector<Value> sizes;
  for (auto [tensor, parameter] : llvm::enumerate(parameters))
    for (unsigned dim = 0; dim < parameter.getShape().size(); ++dim)
      sizes.push_back(entry.loadSize(tensor, dim));
  return sizes;
}

/// Calls the function that computes the sizes of the results and leaves if it
/// finds something wrong. Returns the sizes of all results, one after another.
static SmallVector<Value> computeResultSizes(EntryBuilder &entry,
                                             const Interface &interface,
                                             LLVM::LLVMFuncOp sizesFunc) {
  auto call = LLVM::CallOp::create(entry.b, entry.loc, sizesFunc,
                                   loadSizes(entry, interface.arguments));
  SmallVector<Value> values;
  Value returned = call.getResult();
  if (auto type = dyn_cast<LLVM::LLVMStructType>(returned.getType()))
    for (int64_t i = 0, e = type.getBody().size(); i < e; ++i)
      values.push_back(
          LLVM::ExtractValueOp::create(entry.b, entry.loc, returned, i));
  else
    values.push_back(returned);
  entry.requireNull(values.front());
  values.erase(values.begin());
  return values;
}

/// Compares the sizes of the results with those of the tensors that receive
/// them.
static void checkResultSizes(EntryBuilder &entry, const Interface &interface,
                             ArrayRef<Value> sizes, bool destinations) {
  unsigned tensor = interface.arguments.size();
  unsigned next = 0;
  for (auto [index, result] : llvm::enumerate(interface.results)) {
    std::optional<unsigned> argument = interface.getInplaceArgument(index);
    unsigned receiver = argument ? *argument : tensor++;
    for (auto [dim, size] : llvm::enumerate(result.getShape())) {
      Value expected = sizes[next++];
      if (!ShapedType::isDynamic(size) || (!argument && !destinations))
        continue;
      std::string text =
          argument
              ? formatv("argument {0}: expects the size of result {1}, which "
                        "is written to it, in dimension {2}",
                        *argument, index, dim)
                    .str()
              : formatv("result {0}: expects the size that the arguments "
                        "imply in dimension {1}",
                        index, dim)
                    .str();
      entry.require(entry.compare(LLVM::ICmpPredicate::eq,
                                  entry.loadSize(receiver, dim), expected),
                    LINATTN_BAD_SIZE, text);
    }
  }
}

/// What `func` receives for one tensor of the call.
static void appendOperands(EntryBuilder &entry, unsigned tensor,
                           const Parameter &parameter, bool isResult,
                           SmallVectorImpl<Value> &operands) {
  OpBuilder &b = entry.b;
  Location loc = entry.loc;
  Value data = entry.loadField(tensor, kData, entry.pointerType);
  if (parameter.isScalar() && !isResult) {
    Type type = parameter.type;
    if (type.isIndex())
      type = b.getI64Type();
    if (!type.isSignlessInteger(1)) {
      operands.push_back(LLVM::LoadOp::create(b, loc, type, data));
      return;
    }
    Value byte = LLVM::LoadOp::create(b, loc, b.getI8Type(), data);
    operands.push_back(entry.isTrue(LLVM::ICmpPredicate::ne, byte, 0));
    return;
  }
  operands.append({data, data, entry.i64(0)});
  unsigned rank = parameter.getShape().size();
  for (unsigned dim = 0; dim < rank; ++dim)
    operands.push_back(entry.loadSize(tensor, dim));
  for (unsigned dim = 0; dim < rank; ++dim)
    operands.push_back(entry.loadStride(tensor, dim));
}

namespace {
struct EmitCInterface
    : linattn::impl::LinattnEmitCInterfaceBase<EmitCInterface> {
  using Base::Base;

  void runOnOperation() override;

private:
  LogicalResult emit(LLVM::LLVMFuncOp func, const Interface &interface,
                     SymbolTable &symbols, MessageTable &messages);
  void emitCall(OpBuilder &b, StringRef name, LLVM::LLVMFuncOp func,
                LLVM::LLVMFuncOp sizes, LLVM::LLVMFuncOp workspace,
                const Interface &interface, MessageTable &messages);
  void emitQuery(OpBuilder &b, StringRef name, Location loc,
                 LLVM::LLVMFuncOp sizes, LLVM::LLVMFuncOp workspace,
                 const Interface &interface, MessageTable &messages);
  void emitSignature(OpBuilder &b, StringRef name, Location loc,
                     const Interface &interface);
};
} // namespace

/// The bytes a caller must provide so that `bytes` are left behind the first
/// aligned address.
static Value addAlignmentSlack(EntryBuilder &entry, Value bytes) {
  Value padded = LLVM::AddOp::create(entry.b, entry.loc, bytes, entry.i64(63));
  return LLVM::SelectOp::create(entry.b, entry.loc,
                                entry.isTrue(LLVM::ICmpPredicate::eq, bytes, 0),
                                bytes, padded);
}

void EmitCInterface::emitCall(OpBuilder &b, StringRef name,
                              LLVM::LLVMFuncOp func, LLVM::LLVMFuncOp sizes,
                              LLVM::LLVMFuncOp workspace,
                              const Interface &interface,
                              MessageTable &messages) {
  Location loc = func.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  EntryBuilder entry(b, loc, name, {pointer, i64, pointer, i64, pointer},
                     messages);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(entry.getParameter(0).getParentBlock());
  checkCall(entry, interface);
  SmallVector<Parameter> parameters = interface.getParameters();
  unsigned numArguments = interface.arguments.size();
  for (auto [tensor, parameter] : llvm::enumerate(parameters)) {
    std::string tensorName = getTensorName(interface, tensor);
    bool isWritten = tensor >= numArguments || parameter.inplaceResult >= 0 ||
                     isa<MemRefType>(parameter.type);
    checkType(entry, tensor, parameter, tensorName);
    checkMemory(entry, tensor, parameter, tensorName, isWritten);
  }
  checkResultSizes(entry, interface,
                   computeResultSizes(entry, interface, sizes),
                   /*destinations=*/true);

  Value bytes =
      LLVM::CallOp::create(b, loc, workspace, loadSizes(entry, parameters))
          .getResult();
  Value needed = addAlignmentSlack(entry, bytes);
  entry.require(
      entry.compare(LLVM::ICmpPredicate::sge, entry.getParameter(3), needed),
      LINATTN_BAD_WORKSPACE,
      "expects the bytes of workspace that the query returns");
  Value memory = entry.getParameter(2);
  Value null = LLVM::ZeroOp::create(b, loc, pointer);
  entry.require(
      entry.eitherOf(entry.isTrue(LLVM::ICmpPredicate::eq, bytes, 0),
                     entry.compare(LLVM::ICmpPredicate::ne, memory, null)),
      LINATTN_BAD_WORKSPACE, "expects a workspace, not null");

  SmallVector<Value> operands;
  for (auto [tensor, parameter] : llvm::enumerate(parameters))
    appendOperands(entry, tensor, parameter, tensor >= numArguments, operands);
  Value address = LLVM::PtrToIntOp::create(b, loc, i64, memory);
  Value skipped = LLVM::AndOp::create(
      b, loc, LLVM::SubOp::create(b, loc, entry.i64(0), address),
      entry.i64(63));
  Value aligned = LLVM::GEPOp::create(b, loc, pointer, b.getI8Type(), memory,
                                      ArrayRef<LLVM::GEPArg>{skipped});
  operands.append({aligned, aligned, entry.i64(0), bytes, entry.i64(1)});
  entry.requireNull(LLVM::CallOp::create(b, loc, func, operands).getResult());
  entry.finish();
}

void EmitCInterface::emitQuery(OpBuilder &b, StringRef name, Location loc,
                               LLVM::LLVMFuncOp sizes,
                               LLVM::LLVMFuncOp workspace,
                               const Interface &interface,
                               MessageTable &messages) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type(), i32 = b.getI32Type();
  EntryBuilder entry(b, loc, name, {pointer, i64, pointer, pointer}, messages);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(entry.getParameter(0).getParentBlock());
  checkCall(entry, interface);
  Value null = LLVM::ZeroOp::create(b, loc, pointer);
  entry.require(
      entry.compare(LLVM::ICmpPredicate::ne, entry.getParameter(2), null),
      LINATTN_BAD_CALL, "expects where to write the workspace size, not null");
  for (auto [tensor, parameter] : llvm::enumerate(interface.arguments))
    checkType(entry, tensor, parameter, getTensorName(interface, tensor));
  SmallVector<Value> resultSizes = computeResultSizes(entry, interface, sizes);
  checkResultSizes(entry, interface, resultSizes, /*destinations=*/false);

  unsigned tensor = interface.arguments.size(), next = 0;
  for (auto [index, result] : llvm::enumerate(interface.results)) {
    int64_t rank = result.getShape().size();
    ArrayRef<Value> dims = ArrayRef(resultSizes).slice(next, rank);
    next += rank;
    if (interface.getInplaceArgument(index))
      continue;
    entry.storeField(tensor, kDtype,
                     entry.constant(i32, *getDtype(result.getElementType())));
    entry.storeField(tensor, kRank, entry.constant(i32, rank));
    Value stride = entry.i64(1);
    for (int64_t dim = rank; dim-- > 0;) {
      entry.storeField(tensor, kSizes, dims[dim], dim);
      entry.storeField(tensor, kStrides, stride, dim);
      stride = LLVM::MulOp::create(b, loc, stride, dims[dim]);
    }
    ++tensor;
  }
  Value bytes =
      LLVM::CallOp::create(b, loc, workspace,
                           loadSizes(entry, interface.getParameters()))
          .getResult();
  LLVM::StoreOp::create(b, loc, addAlignmentSlack(entry, bytes),
                        entry.getParameter(2));
  entry.finish();
}

void EmitCInterface::emitSignature(OpBuilder &b, StringRef name, Location loc,
                                   const Interface &interface) {
  SmallVector<Parameter> parameters = interface.getParameters();
  int64_t numArguments = interface.arguments.size();
  SmallVector<int64_t> words = {LINATTN_ABI_VERSION, numArguments,
                                static_cast<int64_t>(parameters.size()) -
                                    numArguments};
  for (const Parameter &parameter : parameters) {
    ArrayRef<int64_t> shape = parameter.getShape();
    words.append({*getDtype(parameter.getElementType()),
                  static_cast<int64_t>(shape.size()), parameter.inplaceResult});
    for (unsigned dim = 0; dim < LINATTN_MAX_RANK; ++dim) {
      int64_t size = dim < shape.size() ? shape[dim] : 0;
      words.push_back(ShapedType::isDynamic(size) ? -1 : size);
    }
  }
  auto type = RankedTensorType::get({static_cast<int64_t>(words.size())},
                                    b.getI64Type());
  LLVM::GlobalOp::create(
      b, loc, LLVM::LLVMArrayType::get(b.getI64Type(), words.size()),
      /*isConstant=*/true, LLVM::Linkage::External, name,
      DenseElementsAttr::get(type, ArrayRef<int64_t>(words)));
}

LogicalResult EmitCInterface::emit(LLVM::LLVMFuncOp func,
                                   const Interface &interface,
                                   SymbolTable &symbols,
                                   MessageTable &messages) {
  auto lookup = [&](FlatSymbolRefAttr symbol) -> LLVM::LLVMFuncOp {
    return symbol ? symbols.lookup<LLVM::LLVMFuncOp>(symbol.getValue())
                  : nullptr;
  };
  LLVM::LLVMFuncOp sizes = lookup(interface.sizes);
  LLVM::LLVMFuncOp workspace = lookup(interface.workspace);
  if (!sizes || !workspace)
    return func.emitError()
           << "expected entry function '" << func.getSymName()
           << "' to have functions that compute sizes; run "
              "linattn-outline-sizes and linattn-allocs-to-workspace";
  unsigned numOperands = 5;
  for (auto [index, parameter] : llvm::enumerate(interface.getParameters()))
    numOperands += parameter.isScalar() && index < interface.arguments.size()
                       ? 1
                       : 3 + 2 * parameter.getShape().size();
  if (func.getNumArguments() != numOperands)
    return func.emitError()
           << "expected entry function '" << func.getSymName() << "' to have "
           << numOperands << " arguments, but got " << func.getNumArguments();

  std::string name = func.getSymName().str();
  func->removeAttr(kInterfaceAttrName);
  if (failed(symbols.rename(func, name + ".impl")))
    return failure();
  OpBuilder b(&getContext());
  b.setInsertionPointAfter(workspace);
  emitCall(b, name, func, sizes, workspace, interface, messages);
  emitQuery(b, name + "_query", func.getLoc(), sizes, workspace, interface,
            messages);
  emitSignature(b, name + "_signature", func.getLoc(), interface);
  return success();
}

void EmitCInterface::runOnOperation() {
  SymbolTable symbols(getOperation());
  SmallVector<LLVM::LLVMFuncOp> funcs(
      getOperation().getOps<LLVM::LLVMFuncOp>());
  MessageTable messages(getOperation());
  for (LLVM::LLVMFuncOp func : funcs) {
    if (func.isExternal())
      continue;
    func.setLinkage(LLVM::Linkage::Internal);
    func->removeAttr(kSizesAttrName);
    FailureOr<Interface> interface = getInterface(func);
    if (failed(interface))
      continue;
    if (failed(emit(func, *interface, symbols, messages)))
      return signalPassFailure();
  }
}
