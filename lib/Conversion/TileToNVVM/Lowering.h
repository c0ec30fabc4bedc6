//===- Lowering.h - what the lowerings of tile ops share --------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_LIB_CONVERSION_TILETONVVM_LOWERING_H
#define LINATTN_LIB_CONVERSION_TILETONVVM_LOWERING_H

#include "Target.h"

#include "mlir/Transforms/DialectConversion.h"

namespace mlir {
namespace linattn {
namespace tile {

/// What patterns need beside the op.
struct LoweringContext {
  const ProgramInfo &program;
  const Target &target;
};

template <typename OpTy>
class TilePattern : public OpConversionPattern<OpTy> {
public:
  TilePattern(const TypeConverter &converter, MLIRContext *context,
              const LoweringContext &lowering)
      : OpConversionPattern<OpTy>(converter, context),
        program(lowering.program), target(lowering.target) {}
  using Adaptor = typename OpTy::Adaptor;
  using OneToNOpAdaptor = typename OpConversionPattern<OpTy>::OneToNOpAdaptor;

protected:
  const ProgramInfo &program;
  const Target &target;
};

/// The lowerings of ops on shared memory and barriers, of copies, of ops on
/// registers of warpgroups, and of ops on vectors of warps.
void populateSharedMemoryPatterns(const TypeConverter &converter,
                                  RewritePatternSet &patterns,
                                  const LoweringContext &context);
void populateCopyPatterns(const TypeConverter &converter,
                          RewritePatternSet &patterns,
                          const LoweringContext &context);
void populateRegisterPatterns(const TypeConverter &converter,
                              RewritePatternSet &patterns,
                              const LoweringContext &context);
void populateVectorPatterns(const TypeConverter &converter,
                            RewritePatternSet &patterns,
                            const LoweringContext &context);

} // namespace tile
} // namespace linattn
} // namespace mlir

#endif // LINATTN_LIB_CONVERSION_TILETONVVM_LOWERING_H
