# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Repeated calls on arrays that have DLPack's C exchange API: torch tensors if
torch is installed, and a type whose API is Inputs/exchange.c, built as
LINATTN_TEST_EXCHANGE."""

import ctypes
import os
import sys
import threading

import numpy as np
import pytest

from linattn import runtime
from linattn.runtime import artifact
from linattn.runtime.arrays import DLTensor
from linattn.runtime.exchange import find_exchange

library = ctypes.PyDLL(os.environ["LINATTN_TEST_EXCHANGE"])
num_described = ctypes.c_int64.in_dll(library, "num_described")


def make_capsule(symbol, name=b"dlpack_exchange_api"):
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p,
                             ctypes.c_void_p)(("PyCapsule_New", ctypes.pythonapi))
    table = (ctypes.c_char * 56).in_dll(library, symbol)
    return make(ctypes.addressof(table), name, None)


CODES = {"f": 2, "i": 0, "u": 1, "b": 6}


class Exported:
    """An array that shows nothing but DLPack, in both ways."""

    __dlpack_c_exchange_api__ = make_capsule("current")

    def __init__(self, array):
        self.array = np.asarray(array)
        rank, kind = self.array.ndim, self.array.dtype
        shape = (ctypes.c_int64 * rank)(*self.array.shape)
        strides = (ctypes.c_int64 * rank)(
            *[stride // kind.itemsize for stride in self.array.strides])
        self.tensor = DLTensor(
            self.array.__array_interface__["data"][0], 1, 0, rank,
            CODES[kind.kind], kind.itemsize * 8, 1, shape, strides, 0)
        self.described = ctypes.addressof(self.tensor)

    def __dlpack__(self, **kwargs):
        return self.array.__dlpack__(**kwargs)

    def __array__(self, dtype=None, copy=None):
        return self.array

    @property
    def nbytes(self):
        return self.array.nbytes


def empty(sizes, dtype):
    """How the runtime makes an Exported."""
    return Exported(np.empty(sizes, dtype))


def make_torch(array):
    return sys.modules["torch"].from_numpy(np.asarray(array))


@pytest.fixture(params=[Exported, make_torch], ids=["exported", "torch"])
def make(request):
    """Makes an array that shares the memory of a NumPy array."""
    if request.param is make_torch:
        pytest.importorskip("torch")
    return request.param


@pytest.fixture
def bound(monkeypatch):
    """The calls that took the long way, as a list."""
    calls, bind = [], artifact.Function._bind
    monkeypatch.setattr(
        artifact.Function, "_bind",
        lambda function, arrays: calls.append(len(arrays)) or bind(function, arrays))
    return calls


def arange(size):
    return np.arange(size, dtype=np.float32)


def test_repeats(program, make, bound):
    x = arange(5)
    y = np.ones(5, np.float32)
    a = np.array(2, np.float32)
    for i in range(4):
        result = make(y)
        assert program.saxpy(make(a), make(x + i), result) is result
    assert len(bound) == 1
    np.testing.assert_array_equal(y, 1 + 4 * 2 * x + 2 * (0 + 1 + 2 + 3))


def test_repeats_with_numbers(program, make, bound):
    x, y = np.ones(3, np.float32), np.zeros(3, np.float32)
    for a in (1.0, 2.0, 4.0):
        program.saxpy(a, make(x), make(y))
    assert len(bound) == 1
    for a in (8, np.array(16, np.float32), True):
        program.saxpy(make(a) if isinstance(a, np.ndarray) else a, make(x), make(y))
    assert len(bound) == 4
    np.testing.assert_array_equal(y, [32, 32, 32])


def test_makes_results(program, make, bound):
    kept = []
    for i in range(3):
        x = make(arange(1000) + i)
        kept.append(program.twice(x))
        assert type(kept[-1]) is type(x)
    assert len(bound) == 1
    for i in range(3):
        np.testing.assert_array_equal(np.asarray(kept[i]), 2 * (arange(1000) + i))


def test_given_result_and_workspace(program, make, bound):
    x, y, workspace = arange(4), np.empty(4, np.float32), np.empty(8, np.uint8)
    for i in range(3):
        out = make(y)
        assert program.twice(make(x + i), out=out, workspace=workspace) is out
        np.testing.assert_array_equal(y, 2 * (x + i))
    assert len(bound) == 1
    # What is given, is used: these are other bindings than with `out`.
    assert program.twice(make(x)) is not out
    assert program.twice(make(x), out=[out]) is out
    assert bound == [2, 1, 2]
    with pytest.raises(runtime.LinattnError, match="workspace of 8 bytes"):
        program.twice(make(x), workspace=workspace[:4])


def test_changing_sizes(program, make, bound):
    for _ in range(2):
        for size in (3, 4, 4, 0, 3):
            x, y = arange(size), np.zeros(size, np.float32)
            program.saxpy(2.0, make(x), make(y))
            np.testing.assert_array_equal(y, 2 * x)
    assert len(bound) == 7


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda x: x[None], "'x': expected rank 1, but got 2"),
        (lambda x: x[0], "'x': expected rank 1, but got 0"),
        (lambda x: x.astype(np.float64), "'x': expected f32 elements, but got f64"),
        (lambda x: x.view(np.int32), "'x': expected f32 elements, but got i32"),
        (lambda x: np.repeat(x, 2)[::2], "'x': expected stride 1"),
        (lambda x: x[:3], "'y': expected size N = 3 in dimension 0, but got 4"),
    ],
)
def test_refuses_after_a_change(program, make, bound, change, text):
    x, y = arange(4), np.zeros(4, np.float32)
    for _ in range(2):
        program.saxpy(1.0, make(x), make(y))
    with pytest.raises(runtime.LinattnError, match=text):
        program.saxpy(1.0, make(change(x)), make(y))
    assert len(bound) == 2
    # The call before still counts as the last one.
    program.saxpy(1.0, make(x), make(y))
    assert len(bound) == 2
    np.testing.assert_array_equal(y, 3 * x)


def test_refuses_what_is_no_array(program, make):
    x, y = make(arange(4)), make(arange(4))
    program.saxpy(1.0, x, y)
    for other in ("text", None):
        with pytest.raises(TypeError, match="expected a tensor, an array or a number"):
            program.saxpy(1.0, other, y)
    with pytest.raises(runtime.LinattnError, match="'x': expected rank 1"):
        program.saxpy(1.0, 2.0, y)
    with pytest.raises(TypeError, match=r"expected 3 arguments \(a, x, y\)"):
        program.saxpy(1.0, x)


def test_other_types(program, make, bound):
    """Arrays of other libraries between those of the first."""
    y = np.zeros(4, np.float32)
    for x in (make(arange(4)), arange(4), make(arange(4)), arange(4)):
        program.saxpy(1.0, x, y)
        program.saxpy(1.0, x, make(y))
    np.testing.assert_array_equal(y, 8 * arange(4))


def test_types_of_the_same_library(program, bound):
    """What a type without the API has bound is not taken for one with it."""
    class Inherits(Exported):
        pass

    y = np.zeros(4, np.float32)
    for kind in (Inherits, Exported, Exported, Exported):
        program.saxpy(1.0, kind(arange(4)), kind(y))
    assert len(bound) == 2
    np.testing.assert_array_equal(y, 4 * arange(4))


def test_offset(program, bound):
    x, y = arange(8), np.zeros(4, np.float32)
    part = Exported(x[4:])
    for _ in range(2):
        program.saxpy(1.0, part, Exported(y))
        part.tensor.data, part.tensor.byte_offset = x.__array_interface__["data"][0], 16
    assert len(bound) == 1
    np.testing.assert_array_equal(y, 2 * x[4:])


def test_no_strides(program, bound):
    x, y = Exported(arange(4)), np.zeros(4, np.float32)
    program.saxpy(1.0, x, Exported(y))
    x.tensor.strides = None
    program.saxpy(1.0, x, Exported(y))
    assert len(bound) == 1
    np.testing.assert_array_equal(y, 2 * arange(4))


def change_field(name, value):
    return lambda x: setattr(x.tensor, name, value)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: delattr(x, "described"),  # Its API raises.
        change_field("device_type", 2),
        change_field("lanes", 4),
        change_field("ndim", 100),
    ],
)
def test_takes_the_long_way(program, bound, change):
    """If the API says otherwise or fails, what __dlpack__ says counts."""
    x, y = Exported(arange(4)), np.zeros(4, np.float32)
    program.saxpy(1.0, x, Exported(y))
    change(x)
    for _ in range(2):
        program.saxpy(1.0, x, Exported(y))
    assert len(bound) == 3
    np.testing.assert_array_equal(y, 3 * arange(4))


@pytest.mark.parametrize("symbol, works", [
    ("current", True), ("newer", True), ("unknown", False), ("early", False),
    ("without_describe", False), ("without_stream", False)])
def test_versions(program, bound, symbol, works):
    class Other(Exported):
        __dlpack_c_exchange_api__ = make_capsule(symbol)

    y = np.zeros(4, np.float32)
    for _ in range(3):
        before = num_described.value
        program.saxpy(1.0, Other(arange(4)), Other(y))
    assert len(bound) == (1 if works else 3)
    assert num_described.value - before == (2 if works else 0)
    np.testing.assert_array_equal(y, 3 * arange(4))


def test_which_types_have_it():
    class Inherits(Exported):
        pass

    class Number:
        __dlpack_c_exchange_api__ = 5

    class Misnamed:
        __dlpack_c_exchange_api__ = make_capsule("current", b"other")

    assert find_exchange(Exported)
    for kind in (Inherits, Number, Misnamed, np.ndarray, int):
        assert find_exchange(kind) is None


def test_closed(artifact_bytes, make):
    program = runtime.load(artifact_bytes)
    x = make(arange(2))
    function = program.twice
    for _ in range(2):
        function(x)
    program.close()
    with pytest.raises(ValueError, match="closed"):
        function(x)


def test_threads(program, make):
    right = []

    def work(seed):
        for i in range(400):
            x = make(np.full(1 + i // 8, seed, np.float32))
            if (np.asarray(program.twice(x)) == 2 * seed).all():
                right.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(right) == 4 * 400


def test_no_references_leak(program, make):
    arrays = make(np.array(1, np.float32)), make(arange(4)), make(arange(4))
    program.saxpy(*arrays)
    before = [sys.getrefcount(thing) for thing in (*arrays, type(arrays[0]))]
    for _ in range(50):
        program.saxpy(*arrays)
    assert before == [sys.getrefcount(thing) for thing in (*arrays, type(arrays[0]))]


def test_torch_parameters(program, bound):
    torch = pytest.importorskip("torch")
    x = torch.nn.Parameter(torch.ones(4))
    y = torch.zeros(4)
    for _ in range(3):
        program.saxpy(1.0, x, y)
    assert len(bound) == 1
    for _ in range(3):
        program.saxpy(1.0, x.detach(), y)
    assert len(bound) == 2
    assert torch.equal(y, torch.full((4,), 6.0))

    class Wrapped(torch.Tensor):
        pass

    assert find_exchange(Wrapped) is None
    with pytest.raises(TypeError, match="expected a tensor on cpu or cuda, but got meta"):
        program.saxpy(1.0, torch.ones(4, device="meta"), y)
