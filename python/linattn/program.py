# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs as shared libraries, called by the C ABI of docs/ABI.md."""

import ctypes
import os
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np

from linattn.guard import GuardedMemory

ABI_VERSION = 1
MAX_RANK = 8

# linattn_dtype: bf16 is the bits in uint16.
_DTYPES = {
    1: np.dtype(np.float32),
    2: np.dtype(np.float16),
    3: np.dtype(np.uint16),
    4: np.dtype(np.float64),
    5: np.dtype(np.bool_),
    6: np.dtype(np.int8),
    7: np.dtype(np.int16),
    8: np.dtype(np.int32),
    9: np.dtype(np.int64),
}
_DTYPE_NAMES = {1: "f32", 2: "f16", 3: "bf16", 4: "f64", 5: "bool", 6: "i8", 7: "i16", 8: "i32", 9: "i64"}


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("sizes", ctypes.c_int64 * MAX_RANK),
        ("strides", ctypes.c_int64 * MAX_RANK),
    ]


class _Status(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int32), ("message", ctypes.c_char_p)]


class _Parameter(ctypes.Structure):
    _fields_ = [
        ("dtype", ctypes.c_int64),
        ("rank", ctypes.c_int64),
        ("inplace", ctypes.c_int64),
        ("sizes", ctypes.c_int64 * MAX_RANK),
    ]


class CompileError(Exception):
    """linattn-compile has rejected a program; the text is what it printed."""


class CallError(Exception):
    """A compiled function has rejected a call."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message


class Parameter:
    """One tensor of a function: element type, and sizes with -1 for any."""

    def __init__(self, raw):
        self.dtype = int(raw.dtype)
        self.name = _DTYPE_NAMES[self.dtype]
        self.numpy_dtype = _DTYPES[self.dtype]
        self.shape = tuple(raw.sizes[: raw.rank])
        self.inplace = int(raw.inplace)

    def __repr__(self):
        dims = "".join(("?" if size < 0 else str(size)) + "x" for size in self.shape)
        return f"tensor<{dims}{self.name}>"


class Function:
    """A function of a program. Called with arrays, returns its results.

    bf16 arrays are uint16, see `round_to_bf16`. An argument that a result is
    written to (`linattn.inplace`) is updated, and returned as that result.
    """

    def __init__(self, library, name):
        self.name = name
        self._run = library[name]
        self._run.restype = ctypes.c_int32
        self._query = library[name + "_query"]
        self._query.restype = ctypes.c_int32
        header = (ctypes.c_int64 * 3).in_dll(library, name + "_signature")
        if header[0] != ABI_VERSION:
            raise CompileError(f"expected ABI version {ABI_VERSION}, but got {header[0]}")
        address = ctypes.addressof(header) + ctypes.sizeof(header)
        raw = (_Parameter * (header[1] + header[2])).from_address(address)
        parameters = [Parameter(p) for p in raw]
        self.arguments = parameters[: header[1]]
        self.destinations = parameters[header[1] :]

    def __repr__(self):
        return f"{self.name}{tuple(self.arguments)} -> {tuple(self.destinations)}"

    @staticmethod
    def _describe(tensor, array, dtype):
        tensor.data = array.ctypes.data
        tensor.dtype = dtype
        tensor.rank = array.ndim
        for dim in range(array.ndim):
            if array.strides[dim] % array.itemsize:
                raise ValueError("expected strides that are multiples of the element size")
            tensor.sizes[dim] = array.shape[dim]
            tensor.strides[dim] = array.strides[dim] // array.itemsize

    def _check_arguments(self, arguments):
        if len(arguments) != len(self.arguments):
            raise TypeError(f"{self.name} expects {len(self.arguments)} arguments, but got {len(arguments)}")
        arrays = []
        for index, (argument, parameter) in enumerate(zip(arguments, self.arguments)):
            array = np.asarray(argument)
            if array.ndim == 0 and not isinstance(argument, (np.ndarray, np.generic)):
                array = np.asarray(argument, dtype=parameter.numpy_dtype)
            if array.dtype != parameter.numpy_dtype:
                raise TypeError(
                    f"{self.name}: argument {index}: expected {parameter.numpy_dtype} "
                    f"for {parameter!r}, but got {array.dtype}"
                )
            if array.ndim > MAX_RANK:
                raise TypeError(f"{self.name}: argument {index}: expected rank {len(parameter.shape)}")
            if parameter.inplace >= 0 and not (array is argument and array.flags.writeable):
                raise TypeError(f"{self.name}: argument {index} is written to: expected a writable array")
            arrays.append(array)
        return arrays

    def _call(self, function, *args):
        status = _Status()
        if function(*args, ctypes.byref(status)) != 0:
            raise CallError(status.code, status.message.decode())

    def query(self, *arguments):
        """The shapes of the destinations and the bytes of workspace."""
        tensors, size = self._query_tensors(self._check_arguments(arguments))
        shapes = [tuple(t.sizes[: t.rank]) for t in tensors[len(self.arguments) :]]
        return shapes, size

    def _query_tensors(self, arrays):
        tensors = (_Tensor * max(len(arrays) + len(self.destinations), 1))()
        for tensor, array, parameter in zip(tensors, arrays, self.arguments):
            self._describe(tensor, array, parameter.dtype)
        size = ctypes.c_int64()
        count = ctypes.c_int64(len(arrays) + len(self.destinations))
        self._call(self._query, tensors, count, ctypes.byref(size))
        return tensors, size.value

    def __call__(self, *arguments, out=None, workspace=None, poison=False, guard=None):
        """Runs the function.

        out: arrays for the results, instead of new ones.
        workspace: a uint8 array, instead of a new one.
        poison: fill new results and the workspace with NaN first.
        guard: "start" or "end": run on copies of all arrays that touch a
            forbidden page at this end, see `GuardedMemory`.
        """
        arrays = self._check_arguments(arguments)
        if guard is None:
            return self._invoke(arrays, out, workspace, poison)
        with GuardedMemory(guard) as memory:
            copies = [memory.copy(array) for array in arrays]
            results = self._invoke(copies, None, None, True, memory.empty)
            # The copies die with the memory: bring back what was written.
            for array, copy, parameter in zip(arrays, copies, self.arguments):
                if parameter.inplace >= 0:
                    array[...] = copy
            many = results if isinstance(results, tuple) else (results,)
            many = tuple(np.array(result) for result in many)
            return many if isinstance(results, tuple) else many[0]

    def _invoke(self, arrays, out, workspace, poison, empty=np.empty):
        tensors, workspace_size = self._query_tensors(arrays)
        first = len(arrays)
        if out is None:
            out = []
            for tensor in tensors[first : first + len(self.destinations)]:
                array = empty(tuple(tensor.sizes[: tensor.rank]), _DTYPES[tensor.dtype])
                if poison:
                    array.reshape(-1).view(np.uint8)[:] = 0xFF
                out.append(array)
        elif len(out) != len(self.destinations):
            raise TypeError(f"{self.name} expects {len(self.destinations)} results in out, but got {len(out)}")
        for index, (array, parameter) in enumerate(zip(out, self.destinations)):
            if array.dtype != parameter.numpy_dtype or not array.flags.writeable:
                raise TypeError(f"{self.name}: out {index}: expected a writable array of {parameter.numpy_dtype}")
            self._describe(tensors[first + index], array, parameter.dtype)
        if workspace is None:
            workspace = empty((workspace_size,), np.uint8)
            if poison:
                workspace[:] = 0xFF
        count = ctypes.c_int64(first + len(out))
        self._call(
            self._run, tensors, count, ctypes.c_void_p(workspace.ctypes.data), ctypes.c_int64(workspace.nbytes)
        )

        results = {p.inplace: arrays[i] for i, p in enumerate(self.arguments) if p.inplace >= 0}
        destinations = iter(out)
        results = tuple(
            results[index] if index in results else next(destinations) for index in range(len(results) + len(out))
        )
        return results[0] if len(results) == 1 else results


class Program:
    """A shared library of compiled functions: `program["name"]`."""

    def __init__(self, path, folder=None):
        self.path = pathlib.Path(path)
        self._folder = folder  # Removed with the program.
        self._library = ctypes.CDLL(str(self.path.resolve()))
        self._functions = {}

    def __getitem__(self, name):
        if name not in self._functions:
            try:
                self._functions[name] = Function(self._library, name)
            except (AttributeError, ValueError):
                raise KeyError(f"{self.path.name} has no function {name!r}") from None
        return self._functions[name]


def load(path):
    """Loads a shared library that linattn-compile has made."""
    return Program(path)


def find_tool(name="linattn-compile"):
    """The path of a tool: in LINATTN_TOOLS, in the build folder or the installation
    that this file belongs to, or on PATH."""
    folders = []
    if "LINATTN_TOOLS" in os.environ:
        folders.append(pathlib.Path(os.environ["LINATTN_TOOLS"]))
    for parent in pathlib.Path(__file__).resolve().parents[2:5]:
        folders += [parent / "build" / "bin", parent / "bin"]
    for folder in folders:
        if (folder / name).exists():
            return str(folder / name)
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(f"found no {name}: set LINATTN_TOOLS to the folder that holds it")
    return path


def compile(source, *options):
    """Compiles a program, given as a path or as text, and loads it.

    options: further options of linattn-compile, such as "--chunk=32".
    """
    folder = tempfile.TemporaryDirectory(prefix="linattn-")
    library = pathlib.Path(folder.name) / "program.so"
    text = None
    if isinstance(source, pathlib.Path) or "\n" not in source and source.endswith(".mlir"):
        path = str(source)
    else:
        path, text = "-", source
    command = [find_tool(), path, "--emit=so", "-o", str(library), *options]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise CompileError(done.stderr.strip() or f"{command[0]} returned {done.returncode}")
    return Program(library, folder)
