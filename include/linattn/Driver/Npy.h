//===- Npy.h - arrays in NumPy's file format --------------------*- C++ -*-===//
//
// Part of the linattn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LINATTN_DRIVER_NPY_H
#define LINATTN_DRIVER_NPY_H

#include "linattn-c/Program.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace mlir {
namespace linattn {

/// A dense array in row-major order.
struct Array {
  /// NumPy's kind and size in bytes: "f4", "u2", "b1".
  std::string type;
  SmallVector<int64_t> shape;
  std::vector<char> data;

  int64_t getNumElements() const;
};

/// Reads an .npy file of version 1.0 or 2.0, little endian, in C order. Says
/// what is wrong with any other content.
llvm::Expected<Array> parseNpy(StringRef content);

/// Writes an .npy file of version 1.0.
void writeNpy(const Array &array, raw_ostream &os);

/// The array with the elements of a `linattn_dtype`. Integers and booleans
/// must have its size; f32 is rounded to nearest even for f16 and bf16, and
/// u2 is taken as the bits of bf16.
llvm::Expected<Array> convertToDtype(Array array, int32_t dtype);

/// The array of a tensor whose elements are of a `linattn_dtype`. Without
/// `keepType`, f16 and bf16 become f32, otherwise f2 and u2.
Array convertFromDtype(Array array, int32_t dtype, bool keepType);

/// The size of an element.
int64_t getDtypeBytes(int32_t dtype);

/// The name of an element type: "bf16".
StringRef getDtypeName(int32_t dtype);

/// "[2, 64]", with "?" for sizes that are -1.
std::string formatShape(ArrayRef<int64_t> shape);

} // namespace linattn
} // namespace mlir

#endif // LINATTN_DRIVER_NPY_H
