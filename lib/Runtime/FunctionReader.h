//===- FunctionReader.h - reading functions of a manifest -------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_RUNTIME_FUNCTIONREADER_H
#define LINATTN_RUNTIME_FUNCTIONREADER_H

#include "JsonReader.h"
#include "Manifest.h"

#include <map>

namespace linattn {
namespace runtime {

/// The names that expressions may use at some place.
using Scope = std::map<std::string, int32_t>;

/// Reads an expression into the nodes of `function`.
bool readExpression(JsonPlace at, const Scope &scope, Function &function,
                    Expression &result, int depth = 0);

/// Reads the plan of one target.
bool readPlan(JsonPlace at, Scope scope, const Manifest &manifest,
              Function &function);

/// Gives a new symbol a number.
bool addSymbol(JsonPlace at, const std::string &name, Scope &scope,
               Function &function, int32_t &symbol);

/// Reads a list of symbols and their values into `definitions`.
bool readDefinitions(JsonPlace at, Scope &scope, Function &function,
                     std::vector<Definition> &definitions);

/// Reads one function. Blobs and targets have been read already.
bool readFunction(JsonPlace at, const Manifest &manifest, Function &function);

} // namespace runtime
} // namespace linattn

#endif // LINATTN_RUNTIME_FUNCTIONREADER_H
