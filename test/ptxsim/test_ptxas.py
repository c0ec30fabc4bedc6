# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The assembler is there and is used: support.load assembles every kernel of these tests."""

import pytest
from fixtures import PIPELINE
from support import kernel, load

from ptxsim import ptxas


def test_it_assembles():
    log = ptxas.assemble(PIPELINE)
    assert "Compiling entry function 'k' for 'sm_90a'" in log


@pytest.mark.parametrize("arch", ["sm_80", "sm_89", "sm_90a", "sm_100a", "sm_120"])
def test_it_knows_the_targets(arch):
    text = kernel("\tret;", target=arch, version="8.8")
    assert f"for '{arch}'" in ptxas.assemble(text)


def test_it_rejects():
    with pytest.raises(ValueError, match="rejects the kernel"):
        load(kernel("\tadd.s32 %r1, %h1, 2;\n\tret;"))
    with pytest.raises(ValueError, match="sm_80"):
        ptxas.assemble(PIPELINE.replace(".target sm_90a", ".target sm_80"))
