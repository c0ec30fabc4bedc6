//===- LinattnTransformOps.cpp - transform ops of linattn -----------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/TransformOps/LinattnTransformOps.h"

#include "linattn/Dialect/Linattn/IR/Linattn.h"
#include "linattn/Dialect/Linattn/Transforms/Transforms.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Transform/IR/TransformDialect.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "linattn/Dialect/Linattn/TransformOps/LinattnTransformOps.cpp.inc"

//===----------------------------------------------------------------------===//
// transform.linattn.set_schedule
//===----------------------------------------------------------------------===//

template <typename OpTy>
static DiagnosedSilenceableFailure
setSchedule(transform::SetScheduleTransformOp transform, OpTy target,
            RewriterBase &rewriter) {
  std::optional<linattn::ScheduleAttr> current = target.getSchedule();
  std::optional<int64_t> chunk = transform.getChunk();
  std::optional<int64_t> subChunk = transform.getSubChunk();
  std::optional<int64_t> headAlign = transform.getHeadAlign();
  if (!chunk && !current) {
    DiagnosedSilenceableFailure diag =
        transform.emitSilenceableError()
        << "expects a chunk for an op that has no schedule";
    diag.attachNote(target.getLoc()) << "target op";
    return diag;
  }
  if (!chunk)
    chunk = current->getChunk();
  if (!subChunk)
    subChunk = current ? current->getSubChunk() : *chunk;
  if (!headAlign)
    headAlign = current ? current->getHeadAlign() : 16;

  // The attribute says what is wrong with it; here this is no more than a
  // failure that the script may handle.
  std::string message;
  auto schedule = [&] {
    ScopedDiagnosticHandler collect(
        transform.getContext(),
        [&](Diagnostic &diag) { message = diag.str(); });
    return linattn::ScheduleAttr::getChecked(
        [&] { return transform.emitError(); }, transform.getContext(), *chunk,
        *subChunk, *headAlign);
  }();
  if (!schedule) {
    DiagnosedSilenceableFailure diag = transform.emitSilenceableError()
                                       << message;
    diag.attachNote(target.getLoc()) << "target op";
    return diag;
  }
  rewriter.modifyOpInPlace(target, [&] { target.setScheduleAttr(schedule); });
  return DiagnosedSilenceableFailure::success();
}

DiagnosedSilenceableFailure transform::SetScheduleTransformOp::applyToOne(
    TransformRewriter &rewriter, Operation *target,
    ApplyToEachResultList &results, TransformState &state) {
  if (auto attention = dyn_cast<linattn::AttentionOp>(target))
    return setSchedule(*this, attention, rewriter);
  if (auto stateOp = dyn_cast<linattn::StateOp>(target))
    return setSchedule(*this, stateOp, rewriter);
  DiagnosedSilenceableFailure diag =
      emitSilenceableError()
      << "expects a linattn.attention or a linattn.state, but got "
      << target->getName();
  diag.attachNote(target->getLoc()) << "target op";
  return diag;
}

void transform::SetScheduleTransformOp::getEffects(
    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  onlyReadsHandle(getTargetMutable(), effects);
  modifiesPayload(effects);
}

//===----------------------------------------------------------------------===//
// transform.apply_patterns.linattn.*
//===----------------------------------------------------------------------===//

void transform::ApplyToRecurrencePatternsOp::populatePatterns(
    RewritePatternSet &patterns) {
  linattn::populateToRecurrencePatterns(patterns, getStepsOnly());
}

void transform::ApplyToBlocksPatternsOp::populatePatterns(
    RewritePatternSet &patterns) {
  linattn::populateToBlocksPatterns(patterns);
}

void transform::ApplyDecomposeBlocksPatternsOp::populatePatterns(
    RewritePatternSet &patterns) {
  linattn::populateDecomposeBlocksPatterns(patterns);
}

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

namespace {
class LinattnTransformDialectExtension
    : public transform::TransformDialectExtension<
          LinattnTransformDialectExtension> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LinattnTransformDialectExtension)

  using Base::Base;

  void init() {
    declareDependentDialect<linattn::LinattnDialect>();
    declareGeneratedDialect<affine::AffineDialect>();
    declareGeneratedDialect<arith::ArithDialect>();
    declareGeneratedDialect<cf::ControlFlowDialect>();
    declareGeneratedDialect<linalg::LinalgDialect>();
    declareGeneratedDialect<linattn::LinattnDialect>();
    declareGeneratedDialect<math::MathDialect>();
    declareGeneratedDialect<scf::SCFDialect>();
    declareGeneratedDialect<tensor::TensorDialect>();
    registerTransformOps<
#define GET_OP_LIST
#include "linattn/Dialect/Linattn/TransformOps/LinattnTransformOps.cpp.inc"
        >();
  }
};
} // namespace

void linattn::registerTransformDialectExtension(DialectRegistry &registry) {
  registry.addExtensions<LinattnTransformDialectExtension>();
}
