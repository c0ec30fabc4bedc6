//===- Enums.td - enumerations of the linattn dialect ------*- tablegen -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DIALECT_LINATTN_IR_ENUMS_TD
#define LINATTN_DIALECT_LINATTN_IR_ENUMS_TD

include "linattn/Dialect/Linattn/IR/Dialect.td"
include "mlir/IR/EnumAttr.td"

class Linattn_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::linattn";
  let genSpecializedAttr = 0;
}

class Linattn_EnumAttr<EnumInfo enum, string mnemonic>
    : EnumAttr<Linattn_Dialect, enum, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}

def Linattn_Direction : Linattn_Enum<"Direction",
    "the order in which tokens enter the state", [
      I32EnumAttrCase<"Forward", 0, "forward">,
      I32EnumAttrCase<"Reverse", 1, "reverse">,
    ]>;
def Linattn_DirectionAttr : Linattn_EnumAttr<Linattn_Direction, "direction">;

def Linattn_Layout : Linattn_Enum<"Layout",
    "the dimension order of operands that have tokens", [
      I32EnumAttrCase<"BNHD", 0, "bnhd">,
      I32EnumAttrCase<"BHND", 1, "bhnd">,
    ]>;
def Linattn_LayoutAttr : Linattn_EnumAttr<Linattn_Layout, "layout">;

def Linattn_StateLayout : Linattn_Enum<"StateLayout",
    "the order of the channel dimensions of a state", [
      I32EnumAttrCase<"KV", 0, "kv">,
      I32EnumAttrCase<"VK", 1, "vk">,
    ]>;
def Linattn_StateLayoutAttr
    : Linattn_EnumAttr<Linattn_StateLayout, "state_layout">;

def Linattn_SlopeFamily : Linattn_Enum<"SlopeFamily",
    "a published rule for the constant decays of TransNormerLLM", [
      I32EnumAttrCase<"Paper", 0, "paper">,
      I32EnumAttrCase<"Released", 1, "released">,
      I32EnumAttrCase<"Xmixers", 2, "xmixers">,
    ]>;
def Linattn_SlopeFamilyAttr
    : Linattn_EnumAttr<Linattn_SlopeFamily, "slope_family">;

#endif // LINATTN_DIALECT_LINATTN_IR_ENUMS_TD
