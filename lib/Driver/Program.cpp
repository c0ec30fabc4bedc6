//===- Program.cpp - running compiled functions in this process ----------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Driver/Program.h"

#include "linattn/Driver/Compiler.h"
#include "linattn/Driver/TileMachine.h"

#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/TargetSelect.h"

using namespace mlir;
using namespace mlir::linattn;

Program::Program() = default;
Program::~Program() = default;

llvm::Expected<std::unique_ptr<Program>>
Program::load(std::unique_ptr<llvm::MemoryBuffer> object) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  llvm::orc::JITDylib &dylib = (*jit)->getMainJITDylib();
  char prefix = (*jit)->getDataLayout().getGlobalPrefix();
  auto process =
      llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(prefix);
  if (!process)
    return process.takeError();
  dylib.addGenerator(std::move(*process));
  // Only programs with parallel loops need the OpenMP runtime.
  if (object->getBuffer().contains("__kmpc_")) {
    llvm::Expected<std::string> path = findOpenMPRuntime();
    if (!path)
      return path.takeError();
    auto openMP =
        llvm::orc::DynamicLibrarySearchGenerator::Load(path->c_str(), prefix);
    if (!openMP)
      return openMP.takeError();
    dylib.addGenerator(std::move(*openMP));
  }
  if (object->getBuffer().contains(kTileMachinePrefix)) {
    llvm::orc::SymbolMap symbols;
    for (auto [name, address] : getTileMachineFunctions())
      symbols[(*jit)->mangleAndIntern(name)] = {
          llvm::orc::ExecutorAddr::fromPtr(address),
          llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
    if (llvm::Error error =
            dylib.define(llvm::orc::absoluteSymbols(std::move(symbols))))
      return error;
  }
  if (llvm::Error error = (*jit)->addObjectFile(std::move(object)))
    return error;
  std::unique_ptr<Program> program(new Program());
  program->jit = std::move(*jit);
  return program;
}

llvm::Expected<Program::Function> Program::lookup(StringRef name) {
  Function function;
  auto find = [&](const Twine &symbol) { return jit->lookup(symbol.str()); };
  auto run = find(name);
  if (!run)
    return run.takeError();
  auto query = find(name + "_query");
  if (!query)
    return query.takeError();
  auto signature = find(name + "_signature");
  if (!signature)
    return signature.takeError();
  function.run = run->toPtr<linattn_function>();
  function.query = query->toPtr<linattn_query>();
  function.signature = signature->toPtr<const linattn_signature *>();
  if (function.signature->abi_version != LINATTN_ABI_VERSION)
    return llvm::createStringError("expected ABI version %d, but got %d",
                                   LINATTN_ABI_VERSION,
                                   int(function.signature->abi_version));
  return function;
}
