# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a compiled program and compares it with the reference."""

import numpy as np

from dtypes import decode
from programs import bound, dimension_sizes, expected_results
from reference import rms_error

# Below this a factor is zero in f32; the lowerings may clamp to it.
LOG_ZERO = -104.0
SMALLEST_NORMAL = 2.0**-126


def call(function, program, arguments, sizes, **how):
    """{name: values in f64} of the results."""
    dims = dimension_sizes(program, sizes)
    shapes = [(tuple(dims[d] for d in names), e) for _, names, e in program.results()]
    stored = function(
        [(arguments[n], e) for n, _, e in program.arguments()], shapes, **how
    )
    return {
        name: decode(x, element)
        for (name, _, element), x in zip(program.results(), stored)
    }


def compare(program, actual, expected, what=""):
    """Asserts that all results are within the bounds of the specification."""
    for name, want in expected.items():
        got = actual[name]
        if name in ("tk", "tv"):
            got, want = np.maximum(got, LOG_ZERO), np.maximum(want, LOG_ZERO)
        limit = bound(program, name)
        assert np.isfinite(want).all(), f"{what}: the reference is not finite"
        bad = int((~np.isfinite(got)).sum())
        assert bad == 0, f"{what}: {bad} of {got.size} values of {name} are not finite"
        if want.size and np.sqrt(np.mean(want**2)) < SMALLEST_NORMAL:
            # Denormal numbers may flush to zero.
            assert np.abs(got).max() < 100 * SMALLEST_NORMAL, f"{what}: {name} is not zero"
            continue
        error = rms_error(got, want)
        assert error <= limit, (
            f"{what}: {name} has rms error {error:.3g} of the reference, "
            f"the bound is {limit:.3g}"
        )


def check(function, program, arguments, sizes, what="", **how):
    """One call against the reference. Returns the results."""
    actual = call(function, program, arguments, sizes, **how)
    compare(program, actual, expected_results(program, arguments), f"{what} {sizes}")
    return actual
