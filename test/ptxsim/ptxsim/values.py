# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lane masks and number formats.

A value is a numpy array over the 32 lanes of a warp, unsigned, as wide as its
register; a predicate and a mask are Python ints of 32 bits.
"""

import functools

import numpy as np

LANES = 32
FULL = 0xFFFFFFFF
LANE_IDS = np.arange(LANES)

UNSIGNED = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}
SIGNED = {8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}
FLOATS = {32: np.float32, 64: np.float64}


@functools.lru_cache(maxsize=65536)
def mask_array(mask):
    """The lanes of a mask as a read-only array of bools."""
    array = np.unpackbits(np.frombuffer(mask.to_bytes(4, "little"), np.uint8), bitorder="little").view(bool)
    array.flags.writeable = False
    return array


@functools.lru_cache(maxsize=65536)
def mask_lanes(mask):
    """The indices of a mask's lanes."""
    lanes = np.nonzero(mask_array(mask))[0]
    lanes.flags.writeable = False
    return lanes


def pack_mask(array):
    """The mask of an array of 32 bools."""
    return int.from_bytes(np.packbits(array, bitorder="little").tobytes(), "little")


def lowest_lane(mask):
    return (mask & -mask).bit_length() - 1


_1, _16, _HALF = np.uint32(1), np.uint32(16), np.uint32(0x7FFF)


def bf16_to_f32(bits):
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def f32_to_bf16(values, rounding="rn"):
    """Bits of the bf16 nearest to f32 values (ties to even), or cut (rz)."""
    values = np.asarray(values, np.float32)
    bits = values.view(np.uint32)
    if rounding == "rn":
        rounded = (bits + (((bits >> _16) & _1) + _HALF)) >> _16
    else:
        rounded = bits >> _16
    nan = values != values
    if nan.any():
        rounded = np.where(nan, np.uint32(0x7FFF), rounded)
    return rounded.astype(np.uint16)


def f16_to_f32(bits):
    return bits.astype(np.uint16, copy=False).view(np.float16).astype(np.float32)


def f32_to_f16(values, rounding="rn"):
    values = np.asarray(values, np.float32)
    out = values.astype(np.float16)
    if rounding == "rz":
        over = np.abs(out.astype(np.float32)) > np.abs(values)
        out = np.where(over, np.nextafter(out, np.float16(0)), out)
    bits = out.view(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FFF), bits)


def half_to_f32(bits, kind):
    return bf16_to_f32(bits) if kind == "bf16" else f16_to_f32(bits)


def f32_to_half(values, kind, rounding="rn"):
    return f32_to_bf16(values, rounding) if kind == "bf16" else f32_to_f16(values, rounding)


def flush(values):
    """Subnormal f32 values become zeros of their sign (.ftz)."""
    return np.where(np.abs(values) < np.float32(2.0**-126), np.copysign(np.float32(0), values), values)
