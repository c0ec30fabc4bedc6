# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the binding must know of the libraries whose arrays it is given.

An adapter says, of an array: a hashable `key` that all arrays have in common
that a call may treat alike, and what `describe` makes of such a key. The
functions that calls use often come from `address_of`, which gets the address of
the data, `maker`, which makes new arrays beside a given one, and `stream_of`,
which gets the current stream."""

import ctypes
import sys

from .exchange import find_exchange, get_pointer, stream_of
from .library import DEVICE_HOST, MAX_RANK


class Description:
    """An array without its data."""

    __slots__ = ("dtype", "sizes", "strides", "device")

    def __init__(self, dtype, sizes, strides, device):
        self.dtype = dtype  # A name of the manifest: "bf16".
        self.sizes = tuple(sizes)
        self.strides = tuple(strides)  # In elements.
        self.device = device  # Of the runtime.
        if len(self.sizes) > MAX_RANK:
            raise ValueError(f"expected at most {MAX_RANK} dimensions, but got "
                             f"{len(self.sizes)}")


class TorchAdapter:
    """torch.Tensor, on the CPU or on CUDA devices."""

    names = {"float32": "f32", "float16": "f16", "bfloat16": "bf16",
             "float64": "f64", "bool": "bool", "int8": "i8", "int16": "i16",
             "int32": "i32", "int64": "i64"}
    dtypes = {short: name for name, short in names.items()}

    @staticmethod
    def key(tensor):
        return tensor.shape, tensor.stride(), tensor.dtype, tensor.device

    @classmethod
    def describe(cls, key, expected):
        shape, strides, dtype, device = key
        name = str(dtype).rpartition(".")[2]
        if name not in cls.names:
            raise TypeError(f"{dtype} is no element type of the runtime")
        if device.type not in ("cpu", "cuda"):
            raise TypeError(f"expected a tensor on cpu or cuda, but got {device}")
        number = DEVICE_HOST if device.type == "cpu" else device.index
        return Description(cls.names[name], shape, strides, number)

    @staticmethod
    def address_of(kind):
        return kind.data_ptr

    @classmethod
    def maker(cls, kind, dtype):
        dtype = getattr(sys.modules["torch"], cls.dtypes.get(dtype, dtype))
        return lambda like, sizes: like.new_empty(sizes, dtype=dtype)

    @staticmethod
    def stream_of(kind):
        return sys.modules["torch"]._C._cuda_getCurrentRawStream


class NumpyAdapter:
    """numpy.ndarray. Arrays of uint16 may hold the bits of bf16; arrays of
    ml_dtypes.bfloat16 are taken as they are."""

    names = {"float32": "f32", "float16": "f16", "bfloat16": "bf16",
             "float64": "f64", "bool": "bool", "int8": "i8", "int16": "i16",
             "int32": "i32", "int64": "i64"}
    dtypes = {short: name for name, short in names.items()}

    @staticmethod
    def key(array):
        return array.shape, array.strides, array.dtype

    @classmethod
    def describe(cls, key, expected):
        shape, strides, dtype = key
        name = cls.names.get(dtype.name)
        if dtype.name == "uint16" and expected == "bf16":
            name = expected
        if not name or not dtype.isnative:
            raise TypeError(f"{dtype} is no element type of the runtime")
        for size, stride in zip(shape, strides):
            if stride % dtype.itemsize and size > 1:
                raise ValueError(f"expected strides of whole elements, but got "
                                 f"{stride} bytes for {dtype}")
        return Description(name, shape,
                           (stride // dtype.itemsize for stride in strides),
                           DEVICE_HOST)

    @staticmethod
    def address_of(kind):
        return lambda array: array.__array_interface__["data"][0]

    @classmethod
    def maker(cls, kind, dtype):
        empty = sys.modules["numpy"].empty
        dtype = cls.dtypes.get(dtype, dtype)
        if dtype == "bfloat16":
            # Without ml_dtypes, the bits.
            extra = sys.modules.get("ml_dtypes")
            dtype = extra.bfloat16 if extra else "uint16"
        return lambda like, sizes: empty(sizes, dtype)

    @staticmethod
    def stream_of(kind):
        return lambda device: 0


class DLTensor(ctypes.Structure):
    """DLTensor of dlpack.h."""

    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32),
                ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
                ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class DLPackAdapter:
    """Anything with __dlpack__: CuPy, JAX and others. Looks at the exchanged
    structure in every call, so it is slower than the others."""

    devices = {1: "cpu", 2: "cuda", 3: "cuda_host"}
    dtypes = {(2, 32): "f32", (2, 16): "f16", (4, 16): "bf16", (2, 64): "f64",
              (6, 8): "bool", (0, 8): "i8", (0, 16): "i16", (0, 32): "i32",
              (0, 64): "i64"}

    @staticmethod
    def view(array):
        # The producer keeps the data as long as the array lives, and frees the
        # structure with the capsule.
        capsule = array.__dlpack__()
        return capsule, DLTensor.from_address(get_pointer(capsule, b"dltensor"))

    @classmethod
    def key(cls, array):
        capsule, view = cls.view(array)
        shape = tuple(view.shape[:view.ndim])
        strides = tuple(view.strides[:view.ndim]) if view.strides else None
        return (shape, strides, (view.code, view.bits, view.lanes),
                (view.device_type, view.device_id))

    @classmethod
    def describe(cls, key, expected):
        shape, strides, (code, bits, lanes), (device, number) = key
        name = cls.dtypes.get((code, bits)) if lanes == 1 else None
        if not name:
            raise TypeError(f"DLPack's type {code} of {bits} bits and {lanes} "
                            "lanes is no element type of the runtime")
        if device not in cls.devices:
            raise TypeError(f"expected an array on a CPU or a CUDA device, but "
                            f"got DLPack's device type {device}")
        if strides is None:
            strides, stride = [], 1
            for size in reversed(shape):
                strides.insert(0, stride)
                stride *= max(size, 1)
        return Description(name, shape, strides,
                           number if device == 2 else DEVICE_HOST)

    @classmethod
    def address_of(cls, kind):
        def address(array):
            capsule, view = cls.view(array)
            return (view.data or 0) + view.byte_offset
        return address

    @classmethod
    def maker(cls, kind, dtype):
        module = sys.modules.get(kind.__module__.partition(".")[0])
        empty = getattr(module, "empty", None)
        if empty is None:
            raise TypeError(f"cannot make arrays like {kind.__name__}: pass out= "
                            "and workspace=")
        dtype = NumpyAdapter.dtypes.get(dtype, dtype)
        return lambda like, sizes: empty(sizes, dtype=dtype)

    @staticmethod
    def stream_of(kind):
        exchange = find_exchange(kind)
        if exchange:
            return stream_of(exchange)
        cupy = sys.modules.get("cupy")
        if not cupy:
            return lambda device: 0
        return lambda device: cupy.cuda.get_current_stream().ptr


class ScalarAdapter:
    """A Python number, for an argument of rank 0. A call keeps its value in a
    cell of its own."""

    pack = {"f32": ctypes.c_float, "f64": ctypes.c_double,
            "bool": ctypes.c_bool, "i8": ctypes.c_int8, "i16": ctypes.c_int16,
            "i32": ctypes.c_int32, "i64": ctypes.c_int64}

    @staticmethod
    def key(number):
        return type(number)

    @classmethod
    def describe(cls, key, expected):
        if expected not in cls.pack:
            raise TypeError(f"cannot make {expected} of a Python {key.__name__}")
        return Description(expected, (), (), None)

    @classmethod
    def cell(cls, dtype):
        return cls.pack[dtype]()


# By type of array; grows as types are seen.
adapters = {int: ScalarAdapter, float: ScalarAdapter, bool: ScalarAdapter}


def find_adapter(kind):
    """The adapter for arrays of a type."""
    adapter = adapters.get(kind)
    if adapter:
        return adapter
    names = {(base.__module__.partition(".")[0], base.__name__)
             for base in kind.__mro__}
    if ("torch", "Tensor") in names:
        adapter = TorchAdapter
    elif ("numpy", "ndarray") in names:
        adapter = NumpyAdapter
    elif hasattr(kind, "__dlpack__"):
        adapter = DLPackAdapter
    else:
        raise TypeError(f"expected a tensor, an array or a number, but got "
                        f"{kind.__name__}")
    adapters[kind] = adapter
    return adapter

