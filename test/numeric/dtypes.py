# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Element types: storage in numpy arrays, and rounding to nearest even.

bf16 is stored as its bits in uint16, so that no further package is needed.
"""

import numpy as np

STORAGE = {
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(np.uint16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
}


def encode(values, dtype):
    """Rounds values to `dtype` and returns the stored array."""
    with np.errstate(over="ignore"):
        if dtype != "bf16":
            return np.ascontiguousarray(np.asarray(values).astype(STORAGE[dtype]))
        bits = np.asarray(values, np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) >> 16
    # Rounding must not carry the mantissa of a NaN into an infinity.
    nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
    rounded = np.where(nan, np.uint32(0x7FC0), rounded)
    return np.ascontiguousarray(rounded.astype(np.uint16))


def decode(stored, dtype):
    """The exact value of every stored element, in f64 (integers unchanged)."""
    if dtype == "bf16":
        return (stored.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if dtype in ("f32", "f16"):
        return stored.astype(np.float64)
    return stored
