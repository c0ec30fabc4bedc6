# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arithmetic, logic, comparison and moves on registers."""

import numpy as np

from .decode import decodes
from .errors import SimulationError, Unsupported
from .globalmem import LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW
from .parser import WIDTHS, Pair, Reg, Vec
from .values import FLOATS, FULL, SIGNED, UNSIGNED, flush, f32_to_half, half_to_f32, mask_array, pack_mask

INT_TYPES = {"b16", "u16", "s16", "b32", "u32", "s32", "b64", "u64", "s64"}
HALF_TYPES = {"f16", "bf16", "f16x2", "bf16x2"}
COMPARE = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}
UNSIGNED_COMPARE = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}


def compute(function, dst, *sources):
    """An op that writes function(values of the sources) to dst.

    A result is undefined in the lanes in which a source is.
    """
    if len(sources) == 1:
        (a,) = sources

        def run(warp, mask):
            defined = warp.defs[a]
            if defined & mask != mask:
                warp.check_locked(sources, mask)
            warp.put(dst, function(warp.regs[a]), mask, defined)
    elif len(sources) == 2:
        a, b = sources

        def run(warp, mask):
            defined = warp.defs[a] & warp.defs[b]
            if defined & mask != mask:
                warp.check_locked(sources, mask)
            regs = warp.regs
            warp.put(dst, function(regs[a], regs[b]), mask, defined)
    else:

        def run(warp, mask):
            defined = FULL
            for s in sources:
                defined &= warp.defs[s]
            if defined & mask != mask:
                warp.check_locked(sources, mask)
            warp.put(dst, function(*[warp.regs[s] for s in sources]), mask, defined)

    return run


def on_floats(function, type_name, ftz=False, sat=False):
    """Wraps a function of f32 or f64 arrays into one of bit patterns."""
    utype = UNSIGNED[WIDTHS[type_name]]
    ftype = np.float32 if type_name == "f32x2" else FLOATS[WIDTHS[type_name]]

    def wrapped(*bits):
        values = [b.view(ftype) for b in bits]
        if ftz:
            values = [flush(v) for v in values]
        result = np.asarray(function(*values), ftype)
        if ftz:
            result = flush(result)
        if sat:
            result = np.where(np.isnan(result), ftype(0), np.clip(result, ftype(0), ftype(1)))
        return result.view(utype)

    return wrapped


def on_halves(function, type_name):
    """Wraps a function of f32 arrays into one of f16 or bf16 patterns, rounded once."""
    kind = type_name.replace("x2", "")

    def scalar(*bits):
        return f32_to_half(function(*[half_to_f32(b, kind) for b in bits]), kind)

    if not type_name.endswith("x2"):
        return scalar

    def packed(*bits):
        return scalar(*[b.view(np.uint16) for b in bits]).view(np.uint32)

    return packed


def _fma32(a, b, c):
    return (a.astype(np.float64) * b.astype(np.float64) + c.astype(np.float64)).astype(np.float32)


def _fma64(a, b, c):
    return (a.astype(np.longdouble) * b + c).astype(np.float64)


def _min(a, b):
    """The other operand for a NaN, and -0 below +0."""
    out = np.fmin(a, b)
    return np.where(a == b, np.where(np.signbit(a), a, b), out)


def _max(a, b):
    out = np.fmax(a, b)
    return np.where(a == b, np.where(np.signbit(a), b, a), out)


def _min_nan(a, b):
    return np.where(np.isnan(a) | np.isnan(b), np.float32(np.nan), _min(a, b))


def _max_nan(a, b):
    return np.where(np.isnan(a) | np.isnan(b), np.float32(np.nan), _max(a, b))


def _signed(function, width):
    stype, utype = SIGNED[width], UNSIGNED[width]
    return lambda *bits: np.asarray(function(*[b.view(stype) for b in bits]), stype).view(utype)


def _mul_hi(a, b, width, signed):
    """The upper half of the product, exactly."""
    if width <= 32:
        wide = (SIGNED if signed else UNSIGNED)[2 * width]
        narrow = (SIGNED if signed else UNSIGNED)[width]
        product = a.view(narrow).astype(wide) * b.view(narrow).astype(wide)
        return (product >> wide(width)).astype(UNSIGNED[width])
    kind = (SIGNED if signed else UNSIGNED)[64]
    return np.array([((int(x) * int(y)) >> 64) % (1 << 64) for x, y in zip(a.view(kind), b.view(kind))], np.uint64)


def _divide(a, b):
    """Integer division that truncates; by zero it gives all ones."""
    zero = b == 0
    safe = np.where(zero, 1, b).astype(b.dtype)
    if np.issubdtype(a.dtype, np.signedinteger):
        quotient = np.array([int(abs(int(x)) // abs(int(y))) * (1 if (x < 0) == (y < 0) else -1) for x, y in zip(a, safe)])
        quotient = quotient.astype(object)
        bits = a.dtype.itemsize * 8
        quotient = np.array([(int(q) + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1)) for q in quotient], a.dtype)
    else:
        quotient = a // safe
    return np.where(zero, a.dtype.type(-1) if a.dtype.kind == "i" else ~a.dtype.type(0), quotient)


def _remainder(a, b):
    return (a - _divide(a, b) * b).astype(a.dtype)


FLOAT_BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "min": _min, "max": _max,
}


@decodes("add", "sub", "mul", "div", "rem", "min", "max", "mul24")
def decode_binary(dec, ins):
    parts, ops = ins.parts, ins.operands
    name, type_name = parts[0], parts[-1]
    if set(parts) & {"cc", "rm", "rp", "xorsign"} or len(ops) != 3:
        raise Unsupported(ins.opcode)
    if name == "mul" and "wide" in parts:
        width = WIDTHS[type_name]
        kinds = SIGNED if type_name.startswith("s") else UNSIGNED
        narrow, wide, out = kinds[width], kinds[2 * width], UNSIGNED[2 * width]
        function = lambda a, b: (a.view(narrow).astype(wide) * b.view(narrow).astype(wide)).view(out)
        return compute(function, dec.dst(ops[0]), dec.src(ops[1], type_name), dec.src(ops[2], type_name))
    if type_name in HALF_TYPES:
        functions = dict(FLOAT_BINARY)
        base = functions[name]
        if "NaN" in parts:
            base = {"min": _min_nan, "max": _max_nan}[name]
        if "sat" in parts:
            raise Unsupported(ins.opcode)
        function = on_halves(base, type_name)
    elif type_name in ("f32", "f64", "f32x2"):
        base = FLOAT_BINARY[name]
        if "NaN" in parts:
            base = {"min": _min_nan, "max": _max_nan}[name]
        if "rz" in parts:
            raise Unsupported(ins.opcode)
        function = on_floats(base, type_name, "ftz" in parts, "sat" in parts)
    elif type_name in INT_TYPES:
        width = WIDTHS[type_name]
        signed = type_name.startswith("s")
        if name == "mul" and "hi" in parts:
            function = lambda a, b: _mul_hi(a, b, width, signed)
        elif name in ("add", "sub", "mul"):
            if "sat" in parts:
                raise Unsupported(ins.opcode)
            function = FLOAT_BINARY[name]
        else:
            base = {"div": _divide, "rem": _remainder, "min": np.minimum, "max": np.maximum}[name]
            if "relu" in parts:
                bounded = base
                base = lambda a, b: np.maximum(bounded(a, b), a.dtype.type(0))
            function = _signed(base, width) if signed else base
    elif type_name in ("u16x2", "s16x2"):
        kind = np.uint16 if type_name[0] == "u" else np.int16
        base = {"add": np.add, "sub": np.subtract, "min": np.minimum, "max": np.maximum}[name]
        function = lambda a, b: base(a.view(kind), b.view(kind)).view(np.uint32)
        return compute(function, dec.dst(ops[0]), dec.src(ops[1], "b32"), dec.src(ops[2], "b32"))
    else:
        raise Unsupported(ins.opcode)
    return compute(function, dec.dst(ops[0]), dec.src(ops[1], type_name), dec.src(ops[2], type_name))


@decodes("fma", "mad")
def decode_fma(dec, ins):
    parts, ops = ins.parts, ins.operands
    name, type_name = parts[0], parts[-1]
    third = type_name
    if set(parts) & {"cc", "rz", "rm", "rp"}:
        raise Unsupported(ins.opcode)
    if type_name in HALF_TYPES:
        if "relu" in parts:
            function = on_halves(lambda a, b, c: np.maximum(_fma32(a, b, c), np.float32(0)), type_name)
        else:
            function = on_halves(_fma32, type_name)
    elif type_name in ("f32", "f32x2"):
        function = on_floats(_fma32, type_name, "ftz" in parts, "sat" in parts)
    elif type_name == "f64":
        function = on_floats(_fma64, "f64")
    elif name == "mad" and "wide" in parts:
        width = WIDTHS[type_name]
        kinds = SIGNED if type_name.startswith("s") else UNSIGNED
        narrow, wide, out = kinds[width], kinds[2 * width], UNSIGNED[2 * width]
        function = lambda a, b, c: (a.view(narrow).astype(wide) * b.view(narrow).astype(wide)).view(out) + c
        third = f"b{2 * width}"
    elif name == "mad" and "hi" in parts:
        width, signed = WIDTHS[type_name], type_name.startswith("s")
        function = lambda a, b, c: _mul_hi(a, b, width, signed) + c
    elif name == "mad" and "lo" in parts:
        function = lambda a, b, c: a * b + c
    else:
        raise Unsupported(ins.opcode)
    sources = [dec.src(ops[1], type_name), dec.src(ops[2], type_name), dec.src(ops[3], third)]
    return compute(function, dec.dst(ops[0]), *sources)


APPROXIMATE = {
    "ex2": np.exp2, "lg2": np.log2, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "sqrt": np.sqrt,
    "rcp": lambda x: x.dtype.type(1) / x,
    "rsqrt": lambda x: x.dtype.type(1) / np.sqrt(x),
}


@decodes(*APPROXIMATE)
def decode_approximate(dec, ins):
    type_name = ins.parts[-1]
    function = APPROXIMATE[ins.parts[0]]
    wrapped = on_halves(function, type_name) if type_name in HALF_TYPES else on_floats(function, type_name, "ftz" in ins.parts)
    return compute(wrapped, dec.dst(ins.operands[0]), dec.src(ins.operands[1], type_name))


@decodes("neg", "abs")
def decode_sign(dec, ins):
    name, type_name = ins.parts[0], ins.parts[-1]
    width = WIDTHS[type_name]
    utype = UNSIGNED[width]
    if type_name in ("f32", "f64", *HALF_TYPES):
        sign = 1 << (width - 1)
        if type_name.endswith("x2"):
            sign = 0x80008000
        if name == "neg":
            function = lambda a: a ^ utype(sign)
        else:
            function = lambda a: a & utype(~sign % (1 << width))
        if "ftz" in ins.parts and type_name == "f32":
            inner = function
            function = lambda a: inner(flush(a.view(np.float32)).view(np.uint32))
    else:
        function = _signed(np.negative if name == "neg" else np.abs, width)
    return compute(function, dec.dst(ins.operands[0]), dec.src(ins.operands[1], type_name))


def _shift(name, width, signed):
    utype = UNSIGNED[width]

    def amount(b):
        return np.minimum(b, np.uint32(width)).astype(utype)

    def left(a, b):
        n = amount(b)
        return np.where(n >= width, utype(0), a << np.minimum(n, utype(width - 1)))

    def right(a, b):
        n = amount(b)
        return np.where(n >= width, utype(0), a >> np.minimum(n, utype(width - 1)))

    def arithmetic(a, b):
        n = np.minimum(amount(b), utype(width - 1)).astype(SIGNED[width])
        return (a.view(SIGNED[width]) >> n).view(utype)

    return left if name == "shl" else arithmetic if signed else right


@decodes("shl", "shr")
def decode_shift(dec, ins):
    type_name = ins.parts[-1]
    function = _shift(ins.parts[0], WIDTHS[type_name], type_name.startswith("s"))
    ops = ins.operands
    return compute(function, dec.dst(ops[0]), dec.src(ops[1], type_name), dec.src(ops[2], "b32"))


@decodes("shf")
def decode_funnel_shift(dec, ins):
    _, direction, mode, _ = ins.parts

    def function(low, high, count):
        n = (count & np.uint32(31)) if mode == "wrap" else np.minimum(count, np.uint32(32))
        both = (high.astype(np.uint64) << np.uint64(32)) | low
        n = n.astype(np.uint64)
        if direction == "l":
            return ((both << n) >> np.uint64(32)).astype(np.uint32)
        return (both >> n).astype(np.uint32)

    ops = ins.operands
    return compute(function, dec.dst(ops[0]), *[dec.src(o, "b32") for o in ops[1:4]])


BITWISE = {"and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b}


@decodes("and", "or", "xor", "not", "cnot")
def decode_logic(dec, ins):
    name, type_name = ins.parts[0], ins.parts[-1]
    ops = ins.operands
    sources = [dec.src(o, type_name) for o in ops[1:]]
    if name == "not":
        function = (lambda a: ~a & FULL) if type_name == "pred" else np.invert
    elif name == "cnot":
        function = lambda a: (a == 0).astype(a.dtype)
    else:
        function = BITWISE[name]
    return compute(function, dec.dst(ops[0]), *sources)


@decodes("copysign")
def decode_copysign(dec, ins):
    type_name = ins.parts[-1]
    function = on_floats(lambda a, b: np.copysign(b, a), type_name)
    ops = ins.operands
    return compute(function, dec.dst(ops[0]), dec.src(ops[1], type_name), dec.src(ops[2], type_name))


def _comparison(name, type_name, ftz):
    """A function of two bit patterns to an array of bools."""
    width = WIDTHS[type_name]
    if type_name in ("f16", "bf16", "f32", "f64"):
        if type_name in ("f16", "bf16"):
            view = lambda a: half_to_f32(a, type_name)
        else:
            view = lambda a: flush(a.view(FLOATS[width])) if ftz else a.view(FLOATS[width])
        if name in ("num", "nan"):
            return lambda a, b: (np.isnan(view(a)) | np.isnan(view(b))) ^ (name == "num")
        unordered = name.endswith("u") and name[:-1] in COMPARE
        base = COMPARE[name[:-1] if unordered else name]

        def compare(a, b):
            x, y = view(a), view(b)
            either_nan = np.isnan(x) | np.isnan(y)
            return np.where(either_nan, unordered, base(x, y))

        return compare
    base = COMPARE[UNSIGNED_COMPARE.get(name, name)]
    if type_name.startswith("s"):
        stype = SIGNED[width]
        return lambda a, b: base(a.view(stype), b.view(stype))
    return base


@decodes("setp")
def decode_setp(dec, ins):
    parts, ops = ins.parts, ins.operands
    type_name = parts[-1]
    compare = _comparison(parts[1], type_name, "ftz" in parts)
    sources = [dec.src(ops[1], type_name), dec.src(ops[2], type_name)]
    combine = parts[2] if parts[2] in BITWISE else None
    if combine:
        sources.append(dec.src(ops[3], "pred"))
    first, second = (ops[0].first, ops[0].second) if isinstance(ops[0], Pair) else (ops[0], None)
    first = dec.dst(first)
    second = dec.dst(second) if second is not None else -1
    a, b = sources[:2]
    if not combine and second < 0:
        return compute(lambda x, y: pack_mask(compare(x, y)), first, a, b)

    def run(warp, mask):
        defined = FULL
        for s in sources:
            defined &= warp.defs[s]
        if defined & mask != mask:
            warp.check_locked(sources, mask)
        result = pack_mask(compare(warp.regs[a], warp.regs[b]))
        inverse = ~result & FULL
        if combine:
            other = warp.regs[sources[2]]
            result, inverse = BITWISE[combine](result, other), BITWISE[combine](inverse, other)
        if first >= 0:
            warp.put(first, result, mask, defined)
        if second >= 0:
            warp.put(second, inverse, mask, defined)

    return run


@decodes("set")
def decode_set(dec, ins):
    raise Unsupported(ins.opcode)


@decodes("selp")
def decode_selp(dec, ins):
    type_name = ins.parts[-1]
    ops = ins.operands
    dst = dec.dst(ops[0])
    a, b, p = dec.src(ops[1], type_name), dec.src(ops[2], type_name), dec.src(ops[3], "pred")

    def run(warp, mask):
        regs, defs = warp.regs, warp.defs
        chosen = regs[p]
        defined = defs[p] & ((defs[a] & chosen) | (defs[b] & ~chosen))
        if defined & mask != mask:
            warp.check_locked((a, b), mask)
        if type_name == "pred":
            value = (regs[a] & chosen) | (regs[b] & ~chosen & FULL)
        else:
            value = np.where(mask_array(chosen), regs[a], regs[b])
        warp.put(dst, value, mask, defined)

    return run


@decodes("mov")
def decode_mov(dec, ins):
    ops = ins.operands
    type_name = ins.parts[-1]
    width = WIDTHS[type_name]
    if isinstance(ops[0], Vec):
        return _unpack(dec, ops, width)
    if isinstance(ops[1], Vec):
        return _pack(dec, ops, width)
    dst = dec.dst(ops[0])
    src = dec.src(ops[1], type_name)
    copies_register = isinstance(ops[1], Reg)

    def run(warp, mask):
        defined = warp.defs[src]
        if defined & mask != mask:
            warp.check_locked((src,), mask)
        age = warp.ages[src]
        warp.put(dst, warp.regs[src], mask, defined)
        if copies_register and mask == FULL:
            warp.ages[dst] = age  # a copy is no new value: ptxas may merge the registers

    return run


def _unpack(dec, ops, width):
    items = ops[0].items
    part = width // len(items)
    dsts = [dec.dst(i) for i in items]
    src = dec.src(ops[1], width)
    utype = UNSIGNED[part]
    wide = UNSIGNED[width]

    def run(warp, mask):
        defined = warp.defs[src]
        if defined & mask != mask:
            warp.check_locked((src,), mask)
        value = warp.regs[src]
        for i, dst in enumerate(dsts):
            if dst >= 0:
                warp.put(dst, (value >> wide(part * i)).astype(utype), mask, defined)

    return run


def _pack(dec, ops, width):
    items = ops[1].items
    part = width // len(items)
    sources = [dec.src(i, part) for i in items]
    wide = UNSIGNED[width]

    def function(*values):
        out = values[0].astype(wide)
        for i, value in enumerate(values[1:], 1):
            out |= value.astype(wide) << wide(part * i)
        return out

    return compute(function, dec.dst(ops[0]), *sources)


@decodes("cvta")
def decode_cvta(dec, ins):
    """Conversions between a state space and generic addresses."""
    ops = ins.operands
    to_space = ins.parts[1] == "to"
    space = ins.parts[2 if to_space else 1].split("::")[0]
    windows = {"shared": SHARED_WINDOW, "param": PARAM_WINDOW, "local": LOCAL_WINDOW, "global": 0, "const": 0}
    shift = np.uint64(windows[space])
    function = (lambda a: a - shift) if to_space else (lambda a: a + shift)
    return compute(function, dec.dst(ops[0]), dec.src(ops[1], ins.parts[-1]))


@decodes("trap", "brkpt")
def decode_trap(dec, ins):
    def run(warp, mask):
        raise SimulationError("operand", "the kernel executes trap")

    return run


@decodes("testp")
def decode_testp(dec, ins):
    view = FLOATS[WIDTHS[ins.parts[-1]]]
    test = {
        "finite": np.isfinite, "infinite": np.isinf, "notanumber": np.isnan, "number": lambda x: ~np.isnan(x),
    }[ins.parts[1]]
    return compute(lambda a: pack_mask(test(a.view(view))), dec.dst(ins.operands[0]), dec.src(ins.operands[1], ins.parts[-1]))
