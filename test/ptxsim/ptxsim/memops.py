# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loads, stores, atomics and matrix moves through the generic proxy."""

import numpy as np

from .decode import WAIT, decodes
from .errors import SimulationError, Unsupported
from .globalmem import LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW
from .parser import WIDTHS, Reg
from .values import FULL, LANES, UNSIGNED, f32_to_half, half_to_f32, mask_array, mask_lanes

WINDOW_BITS = 40
SPACES = {"global": "global", "shared": "shared", "shared::cta": "shared", "param": "param", "const": "global",
          "local": "local", "param::entry": "param"}


def space_of(ins):
    """The state space of a memory instruction, 'generic' if it names none."""
    for part in ins.parts[1:]:
        if part in SPACES:
            return SPACES[part]
        if part.startswith("shared::cluster"):
            return "shared"
    return "generic"


def _resolve(space, addresses):
    """(space, addresses in it) of generic addresses; lanes must agree."""
    if space != "generic":
        return space, addresses
    window = int(addresses[0]) >> WINDOW_BITS
    if (addresses >> WINDOW_BITS != window).any():
        raise Unsupported("generic accesses to different spaces by one instruction")
    for first, name in ((SHARED_WINDOW, "shared"), (PARAM_WINDOW, "param"), (LOCAL_WINDOW, "local")):
        if window == first >> WINDOW_BITS:
            return name, addresses - first
    return "global", addresses


def _load(warp, space, lanes, addresses, element, count):
    space, addresses = _resolve(space, addresses)
    if space == "global":
        return warp.cta.launch.memory.load(addresses, element, count, warp.cta.number)
    if space == "shared":
        return warp.cta.shared.load(warp, addresses, element, count, warp.instruction)
    if space == "param":
        return warp.cta.launch.params.load(addresses, element, count)
    return warp.cta.launch.local_memory(warp).load(lanes, addresses, element, count)


def _store(warp, space, lanes, addresses, values, element, mask):
    space, addresses = _resolve(space, addresses)
    if space == "global":
        warp.cta.launch.memory.store(addresses, values, element, warp.cta.number)
    elif space == "shared":
        _check_distinct(addresses, values)
        warp.wrote |= mask
        warp.cta.shared.store(warp, addresses, values, element, warp.instruction)
    elif space == "local":
        warp.cta.launch.local_memory(warp).store(lanes, addresses, values, element)
    else:
        raise SimulationError("bounds", "writes to a parameter")


def _check_distinct(addresses, values):
    """Lanes that store different values to one address race with each other."""
    if len(addresses) > 1:
        order = np.argsort(addresses, kind="stable")
        same = addresses[order][1:] == addresses[order][:-1]
        if same.any():
            ordered = values[order]
            if (ordered[1:][same] != ordered[:-1][same]).any():
                raise SimulationError("race", "lanes of the warp store different values to one address of shared memory")


@decodes("ld", "ldu")
def decode_load(dec, ins):
    type_name = ins.parts[-1]
    element = WIDTHS[type_name] // 8
    if element > 8:
        raise Unsupported(ins.opcode)
    signed = type_name.startswith("s")
    dsts = dec.vec_dst(ins.operands[0])
    count = len(dsts)
    space = space_of(ins)
    address = dec.addr(ins.operands[1])
    widths = [32 if d < 0 else dec.widths[d] for d in dsts]

    def run(warp, mask):
        lanes = mask_lanes(mask)
        addresses = address(warp, mask)[lanes]
        values = _load(warp, space, lanes, addresses, element, count)
        for i, dst in enumerate(dsts):
            if dst < 0:
                continue
            value = values[:, i]
            if widths[i] != 8 * element:
                if signed:
                    value = value.view(f"i{element}").astype(np.int64)
                value = value.astype(UNSIGNED[widths[i]])
            if mask == FULL:
                out = np.ascontiguousarray(value)
            else:
                out = np.zeros(LANES, UNSIGNED[widths[i]])
                out[lanes] = value
            warp.put(dst, out, mask, FULL)

    return run


@decodes("st")
def decode_store(dec, ins):
    type_name = ins.parts[-1]
    element = WIDTHS[type_name] // 8
    if element > 8 or set(ins.parts) & {"async", "bulk"}:
        raise Unsupported(ins.opcode)
    items = ins.operands[1].items if hasattr(ins.operands[1], "items") else (ins.operands[1],)
    sources = [o.index if isinstance(o, Reg) else dec.src(o, type_name) for o in items]
    space = space_of(ins)
    address = dec.addr(ins.operands[0])
    utype = UNSIGNED[8 * element]

    def run(warp, mask):
        lanes = mask_lanes(mask)
        addresses = address(warp, mask)[lanes]
        values = np.stack([warp.get(s, mask, "as a value to store")[lanes].astype(utype) for s in sources], axis=1)
        _store(warp, space, lanes, addresses, values, element, mask)

    return run


# Matrix moves: eight rows of 16 bytes per 8x8 matrix, addresses from lanes 8i..8i+7.


def collective(function, needs_all=True):
    """A warp-wide instruction: it runs when all live lanes have come to it."""

    def run(warp, mask, group):
        if not warp.converged(group):
            return WAIT
        if mask != group.mask:
            raise SimulationError("convergence", "a warp-wide instruction is predicated off in a part of the warp")
        if needs_all and mask != FULL:
            raise SimulationError("convergence", f"a warp-wide instruction in lanes {mask:#010x} only")
        return function(warp, mask)

    return run, True


def _matrix_rows(warp, address, count, mask):
    rows = address(warp, mask)[:8 * count]
    space, rows = _resolve("shared", rows)
    return rows


@decodes("ldmatrix")
def decode_ldmatrix(dec, ins):
    if "m8n8" not in ins.parts or ins.parts[-1] != "b16":
        raise Unsupported(ins.opcode)
    dsts = dec.vec_dst(ins.operands[0])
    address = dec.addr(ins.operands[1])
    transpose = "trans" in ins.parts

    def run(warp, mask):
        rows = _matrix_rows(warp, address, len(dsts), mask)
        data = warp.cta.shared
        data.check_range(rows, 16, 16, "ldmatrix")
        granules = data.granules(rows, 16)
        data.check_load(granules, warp.known)
        data.mark_read(granules, warp.id, warp.known[warp.id], warp.instruction)
        halves = data.views[2][(rows >> 1)[:, None] + np.arange(8)].reshape(len(dsts), 8, 8)
        for i, dst in enumerate(dsts):
            matrix = halves[i].T if transpose else halves[i]
            warp.put(dst, np.ascontiguousarray(matrix).reshape(64).view(np.uint32), mask, FULL)

    return collective(run)


@decodes("stmatrix")
def decode_stmatrix(dec, ins):
    if "m8n8" not in ins.parts or ins.parts[-1] != "b16":
        raise Unsupported(ins.opcode)
    sources = dec.vec_src(ins.operands[1], "b32")
    address = dec.addr(ins.operands[0])
    transpose = "trans" in ins.parts

    def run(warp, mask):
        rows = _matrix_rows(warp, address, len(sources), mask)
        data = warp.cta.shared
        data.check_range(rows, 16, 16, "stmatrix")
        if len(np.unique(rows)) != len(rows):
            raise SimulationError("race", "stmatrix stores two rows to one address")
        granules = data.granules(rows, 16)
        data.check_write(granules, warp.known)
        data.mark_write(granules, warp.id, warp.known[warp.id], warp.instruction)
        warp.wrote |= mask
        out = np.empty((len(sources), 8, 8), np.uint16)
        for i, source in enumerate(sources):
            matrix = warp.get(source, mask, "as a matrix fragment").view(np.uint16).reshape(8, 8)
            out[i] = matrix.T if transpose else matrix
        data.views[2][(rows >> 1)[:, None] + np.arange(8)] = out.reshape(-1, 8)

    return collective(run)


# Atomics: one lane after the other, on global or shared memory.


def _atomic_function(name, type_name):
    width = WIDTHS[type_name]
    if name == "exch":
        return lambda old, value: value
    if name in ("and", "or", "xor"):
        return {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}[name]
    if name == "inc":
        return lambda old, limit: old.dtype.type(0) if old >= limit else old + old.dtype.type(1)
    if name == "dec":
        return lambda old, limit: limit if old == 0 or old > limit else old - old.dtype.type(1)
    base = {"add": np.add, "min": np.minimum, "max": np.maximum}[name]
    if type_name in ("f32", "f64"):
        ftype = np.float32 if width == 32 else np.float64
        return lambda old, value: base(old.view(ftype), value.view(ftype)).view(UNSIGNED[width])
    if type_name.startswith("s"):
        return lambda old, value: base(old.view(f"i{width // 8}"), value.view(f"i{width // 8}")).view(UNSIGNED[width])
    kind = type_name.replace("x2", "")
    if kind in ("f16", "bf16"):

        def halves(old, value):
            pair = [np.asarray(x).reshape(1).view(np.uint16) for x in (old, value)]
            return f32_to_half(base(*[half_to_f32(p, kind) for p in pair]), kind).view(UNSIGNED[width])[0]

        return halves
    return base


@decodes("atom", "red")
def decode_atomic(dec, ins):
    parts = [p for p in ins.parts if p not in ("noftz", "relaxed", "release", "acquire", "acq_rel", "gpu", "cta", "sys", "cluster")]
    name, type_name = parts[0], parts[-1]
    if "async" in parts:
        raise Unsupported(ins.opcode)
    operation = next(p for p in parts[1:] if p in ("add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec"))
    returns = name == "atom"
    ops = list(ins.operands)
    dst = dec.vec_dst(ops.pop(0)) if returns else None
    address = dec.addr(ops[0])
    columns = [dec.vec_src(o, type_name) for o in ops[1:]]
    count = len(columns[0])
    element = WIDTHS[type_name] // 8
    space = space_of(ins)
    function = None if operation == "cas" else _atomic_function(operation, type_name)

    def run(warp, mask):
        addresses = address(warp, mask)
        values = [[warp.get(s, mask, "as an operand of an atomic") for s in column] for column in columns]
        old = [np.zeros(LANES, UNSIGNED[8 * element]) for _ in range(count)]
        for lane in mask_lanes(mask):
            where, local = _resolve(space, addresses[lane:lane + 1])
            if where == "global":
                allocation, offsets = warp.cta.launch.memory.locate(local, element * count, element * count)
                view, first = allocation.views[element], int(offsets[0]) // element
            else:
                data = warp.cta.shared
                data.check_range(local, element * count, element * count, "atomic")
                granules = data.granules(local, element * count)
                if (data.writer[granules] == data.agents.nobody).any():
                    data.report_write_conflict(granules[0], warp.known, "updates")
                view, first = data.views[element], int(local[0]) // element
            for i in range(count):
                current = view[first + i]
                old[i][lane] = current
                if operation == "cas":
                    expected, new = values[0][i][lane], values[1][i][lane]
                    view[first + i] = new if current == expected else current
                else:
                    view[first + i] = function(current, values[0][i][lane])
        if returns:
            for i, d in enumerate(dst):
                if d >= 0:
                    warp.put(d, old[i], mask, FULL)

    return run


@decodes("prefetch", "prefetchu", "applypriority", "discard")
def decode_prefetch(dec, ins):
    def run(warp, mask):
        return None

    return run


@decodes("mapa")
def decode_mapa(dec, ins):
    """Clusters have one CTA here, so the address stays."""
    ops = ins.operands
    type_name = ins.parts[-1]
    dst, src, rank = dec.dst(ops[0]), dec.src(ops[1], type_name), dec.src(ops[2], "b32")

    def run(warp, mask):
        if warp.get(rank, mask, "as a CTA of the cluster")[mask_array(mask)].any():
            raise SimulationError("operand", "mapa to another CTA: the cluster has one")
        warp.put(dst, warp.regs[src], mask, warp.defs[src])

    return run
