//===- Interfaces.td - interfaces of the linattn ops -------*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_IR_INTERFACES_TD
#define LINATTN_DIALECT_LINATTN_IR_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Linattn_DimRoleOpInterface : OpInterface<"DimRoleOpInterface"> {
  let cppNamespace = "::mlir::linattn";
  let description = [{
    An op whose shaped operands are described by *dimension roles*. Every
    dimension of every operand has a role (batch, token, head, key channel,
    ...), and dimensions with one role have one size. The verifier, shape
    reification, tiling and the lowerings all ask for roles; none of them
    counts dimensions.
  }];
  let methods = [
    InterfaceMethod<[{
      The roles of the dimensions of the shaped operand with this number, in
      the order in which its type lists them. Empty for other operands.
    }], "::llvm::SmallVector<::mlir::linattn::DimRole>", "getDimRoles",
    (ins "unsigned":$operandNumber)>,
    InterfaceMethod<[{
      The name of an operand, for diagnostics.
    }], "::llvm::StringRef", "getOperandName",
    (ins "unsigned":$operandNumber)>,
    InterfaceMethod<[{
      The roles over which the op may be tiled: each slice of such a dimension
      is computed without the rest of it.
    }], "::llvm::SmallVector<::mlir::linattn::DimRole>", "getParallelRoles">,
  ];
}

#endif // LINATTN_DIALECT_LINATTN_IR_INTERFACES_TD
