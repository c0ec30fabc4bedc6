# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""With LINATTN_PTXSIM_RECORD=FILE the launches of a run are kept for gpu.py."""

import os
import pickle

import support


def pytest_sessionstart(session):
    if os.environ.get("LINATTN_PTXSIM_RECORD"):
        support.recorded = []


def pytest_sessionfinish(session):
    if support.recorded:
        unique = {}
        for case in support.recorded:
            plain = [a[:2] if len(a) < 4 else (a[0], a[1], a[3]) for a in case["before"]]
            unique.setdefault((case["text"], pickle.dumps(plain)), case)
        with open(os.environ["LINATTN_PTXSIM_RECORD"], "wb") as file:
            pickle.dump(list(unique.values()), file)
