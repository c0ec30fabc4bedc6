//===- PTXAssembly.cpp - PTX that no op stands for ------------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PTXAssembly.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::linattn;
using namespace mlir::linattn::tile;

/// The letter that PTX operands of this type have in constraints.
static StringRef getConstraint(Type type) {
  if (type.isF32())
    return "f";
  if (type.isInteger(64))
    return "l";
  if (auto pointer = dyn_cast<LLVM::LLVMPointerType>(type))
    return pointer.getAddressSpace() == 3 ? "r" : "l";
  return "r";
}

/// Inline PTX with `outputs` results, of which the first `tied.size()` are the
/// new values of `tied`.
static SmallVector<Value> buildInlineAsm(OpBuilder &b, Location loc,
                                         StringRef text, TypeRange outputs,
                                         ArrayRef<Value> tied,
                                         ArrayRef<Value> inputs,
                                         bool clobbersMemory) {
  SmallVector<std::string> constraints;
  for (Type type : outputs)
    constraints.push_back("=" + getConstraint(type).str());
  SmallVector<Value> operands;
  for (Value input : inputs) {
    // Shared memory is addressed by 32 bits.
    if (auto pointer = dyn_cast<LLVM::LLVMPointerType>(input.getType());
        pointer && pointer.getAddressSpace() == 3)
      input = LLVM::PtrToIntOp::create(b, loc, b.getI32Type(), input);
    constraints.push_back(getConstraint(input.getType()).str());
    operands.push_back(input);
  }
  for (auto [index, value] : llvm::enumerate(tied)) {
    constraints.push_back(std::to_string(index));
    operands.push_back(value);
  }
  if (clobbersMemory)
    constraints.push_back("~{memory}");

  Type resultType;
  if (outputs.size() == 1)
    resultType = outputs.front();
  else if (!outputs.empty())
    resultType = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                                  llvm::to_vector(outputs));
  auto op = LLVM::InlineAsmOp::create(
      b, loc, resultType ? TypeRange(resultType) : TypeRange(), operands, text,
      llvm::join(constraints, ","), /*has_side_effects=*/true,
      /*is_align_stack=*/false, LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      /*operand_attrs=*/ArrayAttr());
  if (!resultType)
    return {};
  if (outputs.size() == 1)
    return {op.getResult(0)};
  SmallVector<Value> results;
  for (size_t i = 0; i < outputs.size(); ++i)
    results.push_back(LLVM::ExtractValueOp::create(b, loc, op.getResult(0), i));
  return results;
}

SmallVector<Value> mlir::linattn::tile::buildPTX(OpBuilder &b, Location loc,
                                                 StringRef text,
                                                 ArrayRef<Value> tied,
                                                 ArrayRef<Value> inputs,
                                                 bool clobbersMemory) {
  SmallVector<Type> types;
  for (Value value : tied)
    types.push_back(value.getType());
  return buildInlineAsm(b, loc, text, types, tied, inputs, clobbersMemory);
}

SmallVector<Value> MatrixInstruction::build(OpBuilder &b, Location loc,
                                            ArrayRef<Value> accumulator) const {
  int64_t numResults = columns * 64 / 128;
  auto list = [](int64_t first, int64_t count) {
    std::string text = "{";
    for (int64_t i = 0; i < count; ++i)
      text += (i ? ",$" : "$") + std::to_string(first + i);
    return text + "}";
  };
  bool inRegisters = lhs.size() > 1;
  std::string element = this->element.isBF16() ? "bf16" : "f16";
  std::string text = "{ .reg .pred p; setp.ne.b32 p, ";
  text += accumulator.empty() ? "0" : "1";
  text += ", 0; wgmma.mma_async.sync.aligned.m64n" + std::to_string(columns) +
          "k16.f32." + element + "." + element + " " + list(0, numResults) +
          ", ";
  text += inRegisters ? list(numResults, lhs.size())
                      : "$" + std::to_string(numResults);
  text += ", $" + std::to_string(numResults + lhs.size()) + ", p, 1, 1";
  if (!inRegisters)
    text += transposeLhs ? ", 1" : ", 0";
  text += transposeRhs ? ", 1; }" : ", 0; }";

  SmallVector<Value> inputs(lhs);
  inputs.push_back(rhs);
  SmallVector<Type> types(numResults, b.getF32Type());
  return buildInlineAsm(b, loc, text, types, accumulator, inputs,
                        /*clobbersMemory=*/false);
}
