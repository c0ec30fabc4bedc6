# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One MLIR function per combination of types, and the data to call it with.

A `Program` fixes what the compiler sees (classes, element types, layouts,
attributes, head sizes). Batch, tokens and sequences are dynamic in its types,
so one compiled function runs at many `Sizes`.
"""

from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np

import reference
from dtypes import STORAGE, decode, encode

CLASSES = ("none", "const", "scalar", "vector")


def tensor_type(sizes, element):
    return "tensor<%s>" % "x".join([*map(str, sizes), element])


@dataclass(frozen=True)
class Program:
    op: str = "attention"  # attention, state or step
    key_decay: str = "none"
    value_decay: str = "none"
    query_type: str = "f32"
    key_type: str = "f32"
    value_type: str = "f32"
    output_type: str = "f32"
    decay_type: str = "f32"
    reverse: bool = False
    layout: str = "bnhd"
    state_layout: str = "kv"
    initial: bool = False
    final: bool = False
    offsets: Optional[str] = None  # None, i32 or i64
    heads: Tuple[int, int, int, int] = (2, 2, 2, 2)  # H, Hq, Hk, Hv
    dynamic_heads: bool = False
    head_sizes: Tuple[int, int] = (16, 16)  # Dk, Dv
    scale: float = 1.0
    update_scale: float = 1.0
    schedule: Optional[Tuple[int, int, int]] = None  # chunk, sub_chunk, align

    def __str__(self):
        types = "/".join(
            (self.query_type, self.key_type, self.value_type, self.output_type)
        )
        flags = [
            name
            for name, on in (
                ("reverse", self.reverse),
                ("initial", self.initial),
                ("final", self.final),
                ("offsets=" + str(self.offsets), self.offsets),
                ("dynamic-heads", self.dynamic_heads),
                ("vk", self.state_layout == "vk"),
                (self.layout, self.layout == "bhnd"),
            )
            if on
        ]
        return (
            f"{self.op} {self.key_decay}x{self.value_decay} {types} "
            f"g:{self.decay_type} h{self.heads} d{self.head_sizes} "
            f"s{self.scale}/{self.update_scale} {self.schedule} {' '.join(flags)}"
        )

    # -- the operands, in the order of the arguments ------------------------

    def _tokens(self, heads, channels=None):
        """Dimension names of an operand with tokens."""
        dims = ["B", "N", heads] if self.layout == "bnhd" else ["B", heads, "N"]
        if self.op == "step":
            dims = ["B", heads]
        return dims + ([channels] if channels else [])

    def _decay(self, side, channels):
        dims = {
            "const": ["H"],
            "scalar": self._tokens("H"),
            "vector": self._tokens("H", channels),
        }[side]
        return dims, self.decay_type

    def _state(self):
        channels = ["Dk", "Dv"] if self.state_layout == "kv" else ["Dv", "Dk"]
        return [("S" if self.offsets else "B"), "H"] + channels, "f32"

    def arguments(self):
        """[(name, dimension names, element type)]."""
        args = []
        if self.op != "state":
            args.append(("q", self._tokens("Hq", "Dk"), self.query_type))
        args.append(("k", self._tokens("Hk", "Dk"), self.key_type))
        args.append(("v", self._tokens("Hv", "Dv"), self.value_type))
        if self.key_decay != "none":
            args.append(("gk", *self._decay(self.key_decay, "Dk")))
        if self.value_decay != "none":
            args.append(("gv", *self._decay(self.value_decay, "Dv")))
        if self.op == "step" or (self.initial and self.op == "attention"):
            args.append(("s0", *self._state()))
        if self.offsets:
            args.append(("offsets", ["S1"], self.offsets))
        return args

    def results(self):
        """[(name, dimension names, element type)]."""
        out = []
        if self.op != "state":
            out.append(("o", self._tokens("H", "Dv"), self.output_type))
        if self.op in ("state", "step") or self.final:
            out.append(("s", *self._state()))
        if self.op == "state":
            sequence = "S" if self.offsets else "B"
            for name, cls, channels in (
                ("tk", self.key_decay, "Dk"),
                ("tv", self.value_decay, "Dv"),
            ):
                if cls != "none":
                    dims = [sequence, "H"] + ([channels] if cls == "vector" else [])
                    out.append((name, dims, "f32"))
        return out

    # -- MLIR ---------------------------------------------------------------

    def _static(self):
        """The sizes that are part of the types."""
        sizes = {"Dk": self.head_sizes[0], "Dv": self.head_sizes[1]}
        if self.offsets:
            sizes["B"] = 1
        if not self.dynamic_heads:
            sizes.update(zip(("H", "Hq", "Hk", "Hv"), self.heads))
        return sizes

    def _type(self, dims, element):
        static = self._static()
        return tensor_type([static.get(d, "?") for d in dims], element)

    def _size_source(self, dim):
        """(argument, position) that has the size of a dynamic dimension."""
        counts = dict(zip(("H", "Hq", "Hk", "Hv"), self.heads))
        for name, dims, _ in self.arguments():
            for position, d in enumerate(dims):
                same = d == dim or (dim == "H" and counts.get(d) == counts["H"])
                if same:
                    return name, position
        return None

    def attributes(self):
        attrs = []
        for name in ("scale", "update_scale"):
            if self.op == "state" and name == "scale":
                continue
            value = getattr(self, name)
            if value != 1.0:
                attrs.append("%s = %e : f32" % (name, value))
        if self.reverse and self.op != "step":
            attrs.append("direction = #linattn.direction<reverse>")
        if self.layout == "bhnd" and self.op != "step":
            attrs.append("layout = #linattn.layout<bhnd>")
        if self.state_layout == "vk":
            attrs.append("state_layout = #linattn.state_layout<vk>")
        if self.schedule and self.op != "step":
            attrs.append(
                "schedule = #linattn.schedule<chunk = %d, sub_chunk = %d, "
                "head_align = %d>" % self.schedule
            )
        return "{%s}" % ", ".join(attrs) if attrs else ""

    def mlir(self, name="f"):
        """The function as text, pretty form."""
        args, results = self.arguments(), self.results()
        types = {n: self._type(d, e) for n, d, e in args}
        lines, used = [], {}

        def size(dim):
            if dim in used:
                return used[dim]
            if dim == "S":  # one less than the boundaries
                lines.append("  %c_b = arith.constant 0 : index")
                lines.append(f"  %S1 = tensor.dim %offsets, %c_b : {types['offsets']}")
                lines.append("  %one = arith.constant 1 : index")
                lines.append("  %S = arith.subi %S1, %one : index")
            else:
                source = self._size_source(dim)
                assert source, f"no operand has the size of {dim}"
                arg, position = source
                lines.append(f"  %c_{dim} = arith.constant {position} : index")
                lines.append(f"  %{dim} = tensor.dim %{arg}, %c_{dim} : {types[arg]}")
            used[dim] = f"%{dim}"
            return used[dim]

        result_types, inits = [], []
        static = self._static()
        for n, dims, element in results:
            type_ = self._type(dims, element)
            result_types.append(type_)
            if self.op == "step" and n == "s":
                inits.append("%s0")
                continue
            sizes = ", ".join(size(d) for d in dims if d not in static)
            lines.append(f"  %init_{n} = tensor.empty({sizes}) : {type_}")
            inits.append(f"%init_{n}")

        data = [n for n in ("q", "k", "v") if n in types]
        call = "linattn.%s ins(%s : %s)" % (
            self.op,
            ", ".join("%" + n for n in data),
            ", ".join(types[n] for n in data),
        )
        for n, clause in (
            ("gk", "key_decay"),
            ("gv", "value_decay"),
            ("s0", "initial_state"),
            ("offsets", "offsets"),
        ):
            if n in types and not (self.op == "step" and n == "s0"):
                call += f" {clause}(%{n} : {types[n]})"
        call += " outs(%s : %s) %s -> %s" % (
            ", ".join(inits),
            ", ".join(result_types),
            self.attributes(),
            ", ".join(result_types),
        )
        names = ["%r" + str(i) for i in range(len(results))]
        signature = ", ".join(f"%{n}: {types[n]}" for n, _, _ in args)
        return "\n".join(
            [f"func.func @{name}({signature}) -> ({', '.join(result_types)}) {{"]
            + lines
            + [
                f"  {', '.join(names)} = {call}",
                f"  return {', '.join(names)} : {', '.join(result_types)}",
                "}",
                "",
            ]
        )


@dataclass
class Sizes:
    batch: int = 2
    tokens: int = 7
    offsets: Optional[Tuple[int, ...]] = None

    def __str__(self):
        if self.offsets is not None:
            return f"offsets={self.offsets}"
        return f"B{self.batch} N{self.tokens}"


def dimension_sizes(program, sizes):
    """The size of every dimension name."""
    out = {
        "B": 1 if program.offsets else sizes.batch,
        "N": sizes.offsets[-1] if program.offsets else sizes.tokens,
        "Dk": program.head_sizes[0],
        "Dv": program.head_sizes[1],
    }
    out.update(zip(("H", "Hq", "Hk", "Hv"), program.heads))
    if program.offsets:
        out["S1"] = len(sizes.offsets)
        out["S"] = len(sizes.offsets) - 1
    return out


GATES = ("mild", "moderate", "strong", "wild")


def log_decays(rng, shape, gate):
    """Log-decays of several strengths. `wild` mixes what is hard in one chunk:
    no decay, nearly none, strong, underflow, and exact resets."""
    if gate == "mild":
        return -np.exp(rng.normal(-4, 1, shape))
    if gate == "moderate":
        return -rng.exponential(1.6, shape)
    if gate == "strong":
        return -rng.uniform(10, 30, shape)
    levels = np.array([0, 0, -1e-8, -1e-2, -0.1, -1.6, -20, -90, -1e4, -np.inf])
    return rng.choice(levels, shape)


def random_arguments(program, sizes, rng, gate="moderate"):
    """{name: stored array}, in the layouts of the program."""
    dims = dimension_sizes(program, sizes)
    out = {}
    for name, names, element in program.arguments():
        shape = tuple(dims[d] for d in names)
        if name == "offsets":
            values = np.array(sizes.offsets)
        elif name in ("gk", "gv"):
            values = log_decays(rng, shape, gate)
        elif name in ("q", "k"):
            values = rng.normal(size=shape) / max(1, program.head_sizes[0]) ** 0.25
        else:
            values = rng.normal(size=shape)
        out[name] = encode(values, element)
    return out


def problem(program, arguments):
    """The reference's view of the arguments: f64, canonical layout."""
    values = {}
    for name, names, element in program.arguments():
        x = decode(arguments[name], element)
        if program.layout == "bhnd" and name in ("q", "k", "v", "gk", "gv"):
            if "N" in names:
                x = np.swapaxes(x, 1, 2)
        if name == "s0" and program.state_layout == "vk":
            x = np.swapaxes(x, 2, 3)
        values[name] = x
    return reference.Problem(
        q=values.get("q"),
        k=values["k"],
        v=values["v"],
        heads=program.heads[0],
        key_decay=values.get("gk"),
        value_decay=values.get("gv"),
        initial_state=values.get("s0"),
        offsets=values.get("offsets"),
        scale=float(np.float32(program.scale)),
        update_scale=float(np.float32(program.update_scale)),
        reverse=program.reverse,
    )


def expected_results(program, arguments):
    """What the reference gives, in the layouts of the program, f64."""
    p = problem(program, arguments)
    if program.op == "state":
        results = reference.state(p)
    elif program.op == "step":
        results = list(reference.step(p, p.initial_state))
    else:
        results = list(reference.attention(p))[: 1 + program.final]
    out = {}
    for (name, dims, _), x in zip(program.results(), results):
        if program.layout == "bhnd" and "N" in dims:
            x = np.swapaxes(x, 1, 2)
        if name == "s" and program.state_layout == "vk":
            x = np.swapaxes(x, 2, 3)
        out[name] = x
    return out


# rms error / rms reference of a forward pass, from the specification. Low
# precision anywhere among the operands or the output allows its bound.
BOUNDS = {"f32": 2e-5, "bf16": 5e-3, "f16": 5e-3}


def bound(program, result):
    if result in ("tk", "tv"):
        return BOUNDS["f32"]  # totals are sums in f32
    types = [program.key_type, program.value_type]
    if result == "o":
        types += [program.query_type, program.output_type]
    return max(BOUNDS[t] for t in types)


def result_storage(program, sizes):
    """[(name, shape, storage dtype)] of the results."""
    dims = dimension_sizes(program, sizes)
    return [
        (n, tuple(dims[d] for d in names), STORAGE[e])
        for n, names, e in program.results()
    ]
