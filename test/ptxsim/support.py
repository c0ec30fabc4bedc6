# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the simulator's tests share: PTX kernels around a body, and launches.

Every text that a test loads is assembled by ptxas too, so a fixture that no
GPU would take is an error.
"""

import numpy as np
import pytest

import ptxsim
from ptxsim import ptxas

HEADER = """.version {version}
.target {target}
.address_size 64
{module}
.visible .entry k({params})
{directives}
{{
{body}
}}
"""


def kernel(body, params=(), target="sm_90a", version="8.6", directives="", module=""):
    """PTX of a kernel 'k' with parameters p0, p1, ... of the given types."""
    declared = []
    for i, kind in enumerate(params):
        if kind == "map":
            declared.append(f".param .align 64 .b8 p{i}[128]")
        else:
            declared.append(f".param .{kind} p{i}")
    return HEADER.format(
        version=version, target=target, module=module, params=", ".join(declared), directives=directives, body=REGISTERS + body
    )


REGISTERS = "\t.reg .pred %p<64>;\n\t.reg .b16 %h<256>;\n\t.reg .b32 %r<512>;\n\t.reg .b64 %d<256>;\n"
DYNAMIC = ".extern .shared .align 1024 .b8 smem[];"


def load(text):
    ptxas.assemble(text)
    return ptxsim.load(text)


def launch(text, args, grid=1, block=32, smem=0, seed=0, name="k", record=True, **options):
    before = [describe(a) for a in args] if recorded is not None else None
    load(text).launch(name, grid, block, smem, args, seed, **options)
    if before is not None and record:
        after = [describe(a) for a in args]
        shape = [(n,) if isinstance(n, int) else tuple(n) for n in (grid, block)]
        recorded.append(dict(text=text, name=name, grid=shape[0], block=shape[1], smem=smem, before=before, after=after))


# Launches that gpu.py replays on a GPU; kept where conftest.py asks for it.
recorded = None


def describe(arg):
    """An argument as plain data: (kind, value, how to encode it)."""
    if isinstance(arg, np.ndarray):
        return "array", arg.copy(), id(arg)
    if isinstance(arg, ptxsim.TensorMap):
        names = ("dims", "strides", "box", "swizzle", "element_strides", "oob_fill", "itemsize", "offset")
        return "map", arg.array.copy(), id(arg.array), {n: getattr(arg, n) for n in names}
    if isinstance(arg, ptxsim.Pointer):
        return "pointer", arg.array.copy(), id(arg.array), arg.offset
    return "value", arg


def fails(kind, text, args, seeds=(0, 1, 2), **options):
    """The launch has to fail in this way under every seed; returns the last message."""
    message = ""
    for seed in seeds:
        with pytest.raises(ptxsim.SimulationError) as error:
            launch(text, args, seed=seed, **options)
        assert error.value.kind == kind, str(error.value)
        message = str(error.value)
    return message


def mutate(text, old, new, count=1):
    """Replaces exactly `count` occurrences."""
    assert text.count(old) == count, f"expected {count} of '{old}', got {text.count(old)}"
    return text.replace(old, new)


def bf16(values):
    return ptxsim.f32_to_bf16(np.asarray(values, np.float32))


def f32(bits):
    return ptxsim.bf16_to_f32(bits)


def random_bf16(rng, *shape):
    return bf16(rng.standard_normal(shape))


POINTERS = """
	ld.param.b64 %d0, [p0];
	cvta.to.global.u64 %d0, %d0;
	ld.param.b64 %d1, [p1];
	cvta.to.global.u64 %d1, %d1;
	mov.u32 %r0, %tid.x;
"""
