#!/usr/bin/env python3
# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A ptxas whose opinion a test decides: ptxas -v -arch=ARCH in.ptx -o out.cubin

SPILLS="f_1=20,0 f_2=8" lets the kernel f_1 spill 20 bytes when it is assembled
for the first time, and nothing from the second time on; f_2 always 8, others
never. In the folder LOG, a file per kernel has a line for each time. The machine
code is an ELF file without content.
"""

import os
import pathlib
import re
import struct
import sys

source = pathlib.Path(sys.argv[3]).read_text()
spills = dict(entry.split("=") for entry in os.environ.get("SPILLS", "").split())
for kernel in re.findall(r"\.entry (\w+)\(", source):
    log = pathlib.Path(os.environ["LOG"], kernel)
    times = log.read_text().count("\n") if log.exists() else 0
    log.write_text("assembled\n" * (times + 1))
    given = spills.get(kernel, "0").split(",")
    spilled = given[min(times, len(given) - 1)]
    print(f"ptxas info    : Compiling entry function '{kernel}' for 'sm_90a'", file=sys.stderr)
    print(f"    {spilled} bytes stack frame, {spilled} bytes spill stores, {spilled} bytes spill loads", file=sys.stderr)
    print("ptxas info    : Used 168 registers, used 1 barriers", file=sys.stderr)
# The header: 64 bits, little endian, for the machine EM_CUDA.
header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 190, 1, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0)
pathlib.Path(sys.argv[5]).write_bytes(header)
