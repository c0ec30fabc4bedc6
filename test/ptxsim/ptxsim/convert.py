# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""cvt: conversions between formats."""

import numpy as np

from .alu import compute
from .decode import decodes
from .errors import Unsupported
from .parser import WIDTHS
from .values import FLOATS, SIGNED, UNSIGNED, f32_to_half, flush, half_to_f32

FLOAT_TYPES = ("f16", "bf16", "f32", "f64")
ROUND_INT = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


def _int_value(bits, type_name):
    """The low bits of a register as numbers of an integer type."""
    width = WIDTHS[type_name]
    narrowed = bits.astype(UNSIGNED[width])
    return narrowed.view(SIGNED[width]) if type_name.startswith("s") else narrowed


def _float_value(bits, type_name):
    if type_name in ("f16", "bf16"):
        return half_to_f32(bits, type_name)
    return bits.view(FLOATS[WIDTHS[type_name]])


def _to_f32(values, rounding):
    """f64 or integers to f32, to nearest even or towards zero."""
    out = values.astype(np.float32)
    if rounding == "rz":
        wide = values.astype(np.float64)
        out = np.where(np.abs(out.astype(np.float64)) > np.abs(wide), np.nextafter(out, np.float32(0)), out)
    return out


def _float_bits(values, type_name, rounding):
    if type_name in ("f16", "bf16"):
        return f32_to_half(_to_f32(values, "rn"), type_name, rounding)
    if type_name == "f32":
        return _to_f32(values, rounding).view(np.uint32)
    return values.astype(np.float64).view(np.uint64)


def _float_to_int(values, type_name):
    """Clamps to the range of the integer type; NaN gives 0."""
    width = WIDTHS[type_name]
    signed = type_name.startswith("s")
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    out = [0 if np.isnan(v) else low if v <= low else high if v >= high else int(v) for v in values.astype(np.float64)]
    return np.array([o % (1 << width) for o in out], UNSIGNED[width])


@decodes("cvt")
def decode_cvt(dec, ins):
    parts, ops = ins.parts, ins.operands
    to, source = parts[-2], parts[-1]
    rounding = next((p for p in ("rz", "rn", "rna", "rm", "rp") if p in parts), "rn")
    if rounding in ("rm", "rp", "rna") or (set(parts) & {"satfinite", "scaled::n2::ue8m0"}):
        raise Unsupported(ins.opcode)
    relu, ftz, sat = "relu" in parts, "ftz" in parts, "sat" in parts
    dst = dec.dst(ops[0])
    if to in ("f16x2", "bf16x2"):
        if source != "f32":
            raise Unsupported(ins.opcode)
        kind = to[:-2]

        def packed(high, low):
            both = np.empty((2, len(low)), np.uint32)
            both[0], both[1] = low, high
            values = both.view(np.float32)
            if relu:
                values = np.maximum(values, np.float32(0))
            halves = f32_to_half(values, kind, rounding).astype(np.uint32)
            return halves[0] | (halves[1] << np.uint32(16))

        return compute(packed, dst, dec.src(ops[1], "f32"), dec.src(ops[2], "f32"))

    src, _ = dec.any_src(ops[1], source)
    out_width = ops[0].width
    out_type = UNSIGNED[out_width]
    int_rounding = next((ROUND_INT[p] for p in parts if p in ROUND_INT), None)

    if to in FLOAT_TYPES and source in FLOAT_TYPES:
        if to == "f64" and source in ("f16", "bf16"):
            widen = lambda v: v.astype(np.float64)
        else:
            widen = lambda v: v

        def function(bits):
            values = widen(_float_value(bits, source))
            if ftz and source == "f32":
                values = flush(values)
            if int_rounding:
                values = int_rounding(values)
            if relu:
                values = np.maximum(values, 0)
            if sat:
                values = np.where(np.isnan(values), 0, np.clip(values, 0, 1)).astype(values.dtype)
            return _float_bits(values, to, rounding)
    elif to in FLOAT_TYPES:

        def function(bits):
            return _float_bits(_int_value(bits, source), to, rounding)
    elif source in FLOAT_TYPES:
        if int_rounding is None:
            raise Unsupported(f"{ins.opcode} without a rounding mode")

        def function(bits):
            values = int_rounding(_float_value(bits, source))
            return _extend(_float_to_int(values, to), to, out_type)
    elif sat:
        raise Unsupported(ins.opcode)
    else:

        def function(bits):
            # The source is extended by its own sign, then cut to the type.
            wide = _int_value(bits, source).astype(np.int64 if source.startswith("s") else np.uint64).view(np.uint64)
            return _extend(wide.astype(UNSIGNED[WIDTHS[to]]), to, out_type)

    return compute(function, dst, src)


def _extend(bits, type_name, out_type):
    """Widens a result to its register: by sign for signed types."""
    if bits.dtype == out_type:
        return bits
    if type_name.startswith("s"):
        signed = bits.view(SIGNED[WIDTHS[type_name]])
        return signed.astype(np.int64).view(np.uint64).astype(out_type)
    return bits.astype(out_type)
