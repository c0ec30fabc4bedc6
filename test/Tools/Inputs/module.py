# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Python module: calls, errors, guard pages."""

import pathlib
import subprocess
import sys

import numpy as np

import linattn

INPUTS = pathlib.Path(__file__).parent

OUT_OF_BOUNDS = """
func.func @read(%x: tensor<?xf32>, %i: index) -> f32 {
  %r = tensor.extract %x[%i] : tensor<?xf32>
  return %r : f32
}
"""


def expect(error, call):
    try:
        call()
    except error as caught:
        return str(caught)
    raise AssertionError(f"expected {error.__name__}")


def test_calls():
    step = linattn.compile(INPUTS / "call.mlir")["step"]
    assert repr(step.arguments) == "[tensor<?x4xf32>, tensor<?x4xf32>, tensor<i32>]"
    rng = np.random.default_rng(0)
    q = rng.standard_normal((6, 8)).astype(np.float32)[::2, :4]
    start = rng.standard_normal((3, 4)).astype(np.float32)
    for guard in None, "start", "end":
        s = start.copy()
        o, new, count = step(q, s, 1, guard=guard)
        assert np.array_equal(s, q + q + start), guard
        assert np.array_equal(new, s) and np.array_equal(o, q * s) and count == 2, guard
    out = np.full((3, 4), np.nan, np.float32)
    step(q, s, 1, out=[out, np.zeros((), np.int32)])
    assert np.isfinite(out).all()
    shapes, workspace = step.query(q, s, 1)
    assert shapes == [(3, 4), ()] and workspace > 0
    small = np.zeros(workspace - 1, np.uint8)
    assert "workspace" in expect(linattn.CallError, lambda: step(q, s, 1, workspace=small))
    assert "as many rows" in expect(linattn.CallError, lambda: step(q, s[:2], 1))
    assert "expects rank 2" in expect(linattn.CallError, lambda: step(q[0], s, 1))
    assert "stride 1" in expect(linattn.CallError, lambda: step(np.zeros((4, 3), np.float32).T, s, 1))
    assert "but got float64" in expect(TypeError, lambda: step(q.astype(float), s, 1))
    assert "expects 3 arguments" in expect(TypeError, lambda: step(q, s))
    frozen = s.copy()
    frozen.flags.writeable = False
    assert "writable" in expect(TypeError, lambda: step(q, frozen, 1))


def test_bf16():
    x = np.array([1.00390625, 1.01171875, np.inf, np.nan, -0.0], np.float32)
    wide = linattn.widen_bf16(linattn.round_to_bf16(x))
    assert np.array_equal(wide, np.array([1, 1.015625, np.inf, np.nan, -0.0], np.float32), equal_nan=True)
    assert np.signbit(wide[4])


def test_errors():
    assert "<stdin>:1:" in expect(linattn.CompileError, lambda: linattn.compile("func.func @f(\n"))
    program = linattn.compile(OUT_OF_BOUNDS)
    assert "nothing" in expect(KeyError, lambda: program["nothing"])


def die(side, index):
    """Reads one element beside an array at a guard page."""
    linattn.compile(OUT_OF_BOUNDS)["read"](np.zeros(5, np.float32), index, guard=side)


def test_guard_pages():
    for side, inside, outside in ("end", 4, 5), ("start", 0, -1):
        for index, dies in (inside, False), (outside, True):
            command = [sys.executable, __file__, side, str(index)]
            code = subprocess.run(command, capture_output=True).returncode
            assert (code == -11) if dies else (code == 0), (side, index, code)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        die(sys.argv[1], int(sys.argv[2]))
        sys.exit()
    tests = [value for name, value in list(globals().items()) if name.startswith("test_")]
    for test in tests:
        test()
        print("passed", test.__name__)
