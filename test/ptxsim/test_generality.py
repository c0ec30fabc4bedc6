# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels of test/Planner/generality.mlir, which no op of linattn has made."""

import planned
import pytest

import generality
from dtypes import decode


@pytest.mark.parametrize("tokens, options", generality.CASES)
@pytest.mark.parametrize("name", generality.KERNELS)
def test_kernel(name, tokens, options):
    operands = generality.random_operands(name, tokens)
    function = planned.Function(planned.plan(generality.one_function(name), options, named_ops=False))
    results = function.call([planned.Tensor.of(x, "bf16") for x in operands], tokens)
    generality.check(name, operands, [decode(t.view(), t.element) for t in results])
