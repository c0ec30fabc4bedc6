# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes and prints small .npy files, without NumPy.

npy.py write FILE DESCR SHAPE FORMAT VALUES: such as x.npy '<f4' '(2, 2)' f 1,2,3,4
npy.py show FILE FORMAT: prints the header and the values
"""

import struct
import sys


def write(path, descr, shape, code, values):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    numbers = [float(v) if code in "efd" else int(v) for v in values.split(",") if v]
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
        file.write(header.encode() + struct.pack(f"<{len(numbers)}{code}", *numbers))


def show(path, code):
    with open(path, "rb") as file:
        content = file.read()
    length = struct.unpack_from("<H", content, 8)[0]
    data = content[10 + length :]
    values = struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data)
    print(content[10 : 10 + length].decode().strip(), *values)


if __name__ == "__main__":
    {"write": write, "show": show}[sys.argv[1]](*sys.argv[2:])
