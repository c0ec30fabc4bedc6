# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the parser and the launch refuse, and how they say so."""

import numpy as np
import pytest
from support import POINTERS, kernel, load

import ptxsim

REFUSED = [
    ("\tst.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b32 [%r1], %r2, [%r3];\n\tret;", "line 13.*st.async"),
    ("\tmatch.any.sync.b32 %r1, %r2, -1;\n\tret;", "line 13.*match"),
    ("\tcvt.rp.f32.f64 %r1, %d1;\n\tret;", "line 13.*cvt.rp"),
    ("\ttex.1d.v4.f32.s32 {%r1, %r2, %r3, %r4}, [%d1, {%r5}];\n\tret;", "line 13.*tex"),
]


@pytest.mark.parametrize("body, message", REFUSED)
def test_unknown_instructions(body, message):
    """They are refused before anything runs, whether or not they would."""
    with pytest.raises(ptxsim.Unsupported, match=message):
        ptxsim.load(kernel("\tret;\n" + body)).program("k")


@pytest.mark.parametrize("body, message", [
    ("\tbra.uni $nowhere;\n\tret;", "unknown label"),
    ("\tadd.s32 %r1, %missing, 1;\n\tret;", "unknown name|cannot parse"),
    ("\tadd.s32 %r1, %r2, 1\n}\n{ ret; }", "';'|unbalanced|directive|expected"),
])
def test_syntax_errors(body, message):
    with pytest.raises((ptxsim.PtxSyntaxError, ptxsim.Unsupported), match=message):
        ptxsim.load(kernel(body)).program("k")


def test_functions_are_refused():
    with pytest.raises(ptxsim.Unsupported, match="functions"):
        ptxsim.load(kernel("\tret;", module=".visible .func f() { ret; }"))


@pytest.mark.parametrize("change, message", [
    (dict(args=[np.zeros(4)]), "expected 2 arguments"),
    (dict(block=64), r"blocks of \[32"),
    (dict(block=2048), "blocks of"),
    (dict(smem_bytes=1 << 18), "shared memory"),
    (dict(args=[np.zeros((8, 8)).T, np.zeros(4)]), "contiguous"),
    (dict(args=[np.zeros(4), ptxsim.TensorMap(np.zeros((8, 8), np.float32), (8, 8), (32,), (8, 8))]), "128 bytes"),
    (dict(args=[np.zeros(4), b"abc"]), "expected 8 bytes"),
])
def test_launches_are_checked(change, message):
    module = load(kernel(POINTERS + "\tret;", ("b64", "b64"), directives=".reqntid 32, 1, 1"))
    arguments = dict(grid=1, block=32, smem_bytes=0, args=[np.zeros(4), np.zeros(4)])
    arguments.update(change)
    with pytest.raises(ValueError, match=message):
        module.launch("k", **arguments)


def test_clusters_are_refused():
    module = load(kernel("\tret;", directives=".explicitcluster\n.reqnctapercluster 2, 1, 1"))
    with pytest.raises(ptxsim.Unsupported, match="clusters"):
        module.launch("k", 2, 32)


def test_a_read_only_argument_stays():
    data = np.zeros(4, np.uint32)
    data.flags.writeable = False
    module = load(kernel(POINTERS + "\tmov.b32 %r1, 7;\n\tst.global.b32 [%d0], %r1;\n\tret;", ("b64", "b64")))
    with pytest.raises(ptxsim.SimulationError, match="read-only"):
        module.launch("k", 1, 1, args=[data, None])
