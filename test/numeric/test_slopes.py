# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`linattn.slopes` folds to the tables of the three families."""

import re

import numpy as np
import pytest

import compiling
import reference


def folded(family, heads, layer, layers):
    text = (
        f"func.func @f() -> tensor<{heads}xf32> {{\n"
        f"  %g = linattn.slopes <{family}> layer {layer} of {layers} : tensor<{heads}xf32>\n"
        f"  return %g : tensor<{heads}xf32>\n}}\n"
    )
    out = compiling.opt(text, ["--canonicalize"])
    assert "linattn.slopes" not in out
    value = re.search(r"dense<(.*?)> : tensor", out, re.S).group(1)
    if value.startswith('"0x'):
        return np.frombuffer(bytes.fromhex(value[3:-1]), np.float32)
    numbers = [float(x) for x in value.strip("[]").split(",")]
    return np.array(numbers * heads if len(numbers) == 1 else numbers, np.float32)


@pytest.mark.parametrize("family", ["paper", "released", "xmixers"])
@pytest.mark.parametrize("heads", [1, 2, 3, 8, 12, 20, 32, 40])
def test_slopes(family, heads):
    for layer, layers in ((0, 1), (0, 24), (7, 24), (23, 24)):
        np.testing.assert_allclose(
            folded(family, heads, layer, layers),
            reference.slopes(family, heads, layer, layers),
            rtol=1e-6,
        )


@pytest.mark.parametrize("family", ["released", "xmixers"])
def test_one_layer_has_the_factor_one(family):
    np.testing.assert_allclose(
        folded(family, 8, 0, 1), reference.slopes(family, 8, 0, 2) / (1 + 1e-5), rtol=1e-6
    )
