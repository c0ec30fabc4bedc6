# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Python binding on the host."""

import threading

import numpy as np
import pytest

from linattn import runtime

BAD_DTYPE, BAD_RANK, BAD_SIZE, BAD_STRIDE = 2, 3, 4, 5
BAD_ARTIFACT, BAD_VERSION, BAD_CHECKSUM, NO_CODE = 65, 66, 67, 69


def test_describes_functions(program):
    assert sorted(program.functions) == ["copy", "saxpy", "twice"]
    assert "saxpy(a: f32, x: f32, y: f32)" in repr(program.saxpy)
    assert program.manifest["functions"][0]["name"] == "saxpy"
    assert program["saxpy"] is program.saxpy
    with pytest.raises(AttributeError, match="no function 'other'"):
        program.other


def test_result_in_place(program):
    x = np.arange(5, dtype=np.float32)
    y = np.ones(5, np.float32)
    for scalar in (2.0, 2, np.array(2, np.float32)):
        before = y.copy()
        assert program.saxpy(scalar, x, y) is y
        np.testing.assert_array_equal(y, before + 2 * x)


def test_scalars_of_one_binding_differ(program):
    x = np.ones(3, np.float32)
    y = np.zeros(3, np.float32)
    for a in (1.0, 2.0, 4.0):
        program.saxpy(a, x, y)
    np.testing.assert_array_equal(y, [7, 7, 7])


def test_result_is_made(program):
    x = np.arange(1000, dtype=np.float32)
    assert program.twice.workspace_size(x) == 8
    first = program.twice(x)
    second = program.twice(x + 1)
    np.testing.assert_array_equal(first, 2 * x)
    np.testing.assert_array_equal(second, 2 * x + 2)


def test_given_result_and_workspace(program):
    x = np.arange(4, dtype=np.float32)
    out = np.empty(4, np.float32)
    assert program.twice(x, out=out, workspace=np.empty(8, np.uint8)) is out
    np.testing.assert_array_equal(out, 2 * x)
    with pytest.raises(runtime.LinattnError, match="workspace of 8 bytes"):
        program.twice(x, workspace=np.empty(4, np.uint8))


def test_strided_argument(program):
    x = np.arange(10, dtype=np.float32)[::2]
    with pytest.raises(runtime.LinattnError, match="'x': expected stride 1"):
        program.saxpy(1.0, x, np.zeros(5, np.float32))


class Exchanged:
    """An array that shows nothing but DLPack."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **kwargs):
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_dlpack(program):
    x = np.arange(6, dtype=np.float32)
    y = np.ones(6, np.float32)
    program.saxpy(3.0, Exchanged(x), Exchanged(y))
    np.testing.assert_array_equal(y, 1 + 3 * x)
    with pytest.raises(TypeError, match="pass out= and workspace="):
        program.twice(Exchanged(x))


@pytest.mark.parametrize(
    "arguments, code, text",
    [
        (lambda x: (1.0, x.astype(np.float64), x), BAD_DTYPE,
         "argument 'x': expected f32 elements, but got f64"),
        (lambda x: (1.0, x[None], x), BAD_RANK, "'x': expected rank 1, but got 2"),
        (lambda x: (1.0, x, x[:3]), BAD_SIZE,
         "'y': expected size N = 4 in dimension 0, but got 3"),
        (lambda x: (1.0, x[::2], x[:2]), BAD_STRIDE, "'x': expected stride 1"),
    ],
)
def test_refuses_arguments(program, arguments, code, text):
    x = np.zeros(4, np.float32)
    with pytest.raises(runtime.LinattnError, match=text) as caught:
        program.saxpy(*arguments(x))
    assert caught.value.code == code


def test_refuses_calls(program):
    x = np.zeros(4, np.float32)
    with pytest.raises(TypeError, match=r"expected 3 arguments \(a, x, y\)"):
        program.saxpy(x)
    with pytest.raises(TypeError, match="but got str"):
        program.twice("text")
    with pytest.raises(TypeError, match="expected 1 arrays in 'out', but got 2"):
        program.twice(x, out=[x, x])
    with pytest.raises(runtime.LinattnError, match="no host code") as caught:
        program.copy(np.zeros((2, 64), np.uint16))
    assert caught.value.code == NO_CODE


def test_refuses_files(artifact_bytes, tmp_path):
    def expect(content, code):
        path = tmp_path / "x.lna"
        path.write_bytes(content)
        for source in (content, path):
            with pytest.raises(runtime.LinattnError) as caught:
                runtime.load(source)
            assert caught.value.code == code and str(caught.value)

    expect(artifact_bytes[:-1], BAD_ARTIFACT)
    expect(b"", BAD_ARTIFACT)
    expect(artifact_bytes[:8] + b"\2" + artifact_bytes[9:], BAD_VERSION)
    middle = len(artifact_bytes) // 2
    expect(artifact_bytes[:middle] + bytes([artifact_bytes[middle] ^ 1])
           + artifact_bytes[middle + 1:], BAD_CHECKSUM)


def test_closed(artifact_bytes):
    program = runtime.load(artifact_bytes, device="cpu")
    function = program.twice
    function(np.zeros(2, np.float32))
    program.close()
    program.close()
    with pytest.raises(ValueError, match="closed"):
        function(np.zeros(2, np.float32))


def test_threads(program):
    failures = []

    def work(seed):
        for size in range(1, 200):
            x = np.full(size, seed, np.float32)
            if not (program.twice(x) == 2 * seed).all():
                failures.append((seed, size))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
