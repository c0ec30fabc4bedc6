//===- Slopes.cpp - constant decays of TransNormerLLM ---------------------===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "linattn/Dialect/Linattn/IR/Linattn.h"

#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace mlir::linattn;

/// The ALiBi slope of a head: powers of two for a power of two heads; for
/// other counts the slopes of the next smaller power of two, then every second
/// one of the next larger.
static double computeAlibiSlope(int64_t head, int64_t numHeads) {
  int64_t base = int64_t(1) << llvm::Log2_64(numHeads);
  if (head < base)
    return std::exp2(-8.0 * double(head + 1) / double(base));
  return std::exp2(-8.0 * double(2 * (head - base) + 1) / double(2 * base));
}

double mlir::linattn::computeSlope(SlopeFamily family, int64_t head,
                                   int64_t numHeads, int64_t layer,
                                   int64_t numLayers) {
  // The released code divides by zero for one layer; here the factor is 1.
  double factor =
      numLayers == 1 ? 1.0 : 1.0 - double(layer) / double(numLayers - 1) + 1e-5;
  switch (family) {
  case SlopeFamily::Paper:
    return -8.0 * double(head) / double(numHeads) *
           (1.0 - double(layer) / double(numLayers));
  case SlopeFamily::Released:
    return -computeAlibiSlope(head, numHeads) * factor;
  case SlopeFamily::Xmixers: {
    // Horizons from 2 to 256 tokens, geometric over the heads.
    double position = numHeads == 1 ? 0.0 : double(head) / double(numHeads - 1);
    double horizon = 2.0 * std::pow(128.0, position);
    return -factor / horizon;
  }
  }
  llvm_unreachable("unknown slope family");
}

static constexpr int64_t kMaxHeads = 1 << 16;

LogicalResult SlopesOp::verify() {
  auto type = cast<RankedTensorType>(getLogDecay().getType());
  // slopes_c1. The slopes become a constant of the program.
  if (type.getRank() != 1 || type.getDimSize(0) < 1 ||
      type.getDimSize(0) > kMaxHeads)
    return emitOpError() << "expects a result of shape [H] with 1 to "
                         << kMaxHeads << " heads, but got " << type;
  int64_t layer = getLayer(), numLayers = getNumLayers();
  // slopes_c2
  if (numLayers < 1)
    return emitOpError() << "expects at least one layer, but got " << numLayers;
  // slopes_c3
  if (layer < 0 || layer >= numLayers)
    return emitOpError() << "expects layer from 0 to " << numLayers - 1
                         << ", but got " << layer;
  return success();
}

OpFoldResult SlopesOp::fold(FoldAdaptor) {
  auto type = cast<RankedTensorType>(getLogDecay().getType());
  int64_t numHeads = type.getDimSize(0);
  SmallVector<float> values;
  for (int64_t head = 0; head < numHeads; ++head)
    values.push_back(
        computeSlope(getFamily(), head, numHeads, getLayer(), getNumLayers()));
  return DenseElementsAttr::get(type, ArrayRef<float>(values));
}
