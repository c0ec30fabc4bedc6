# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A pairwise covering array: every two values of two dimensions meet."""

import itertools
import random


def pairs_of(row):
    return set(itertools.combinations(sorted(row.items(), key=lambda kv: kv[0]), 2))


def covering_array(dimensions, seed=1, candidates=20):
    """Rows {dimension: index of its value} that cover all pairs, greedily.

    `dimensions` maps a name to the number of its values. The array depends on
    nothing else, so the names of the tests that it makes are stable.
    """
    rng = random.Random(seed)
    names = sorted(dimensions)
    missing = set()
    for a, b in itertools.combinations(names, 2):
        for i in range(dimensions[a]):
            for j in range(dimensions[b]):
                missing.add(((a, i), (b, j)))
    rows = []
    while missing:
        best, best_gain = None, -1
        for _ in range(candidates):
            # Start from a missing pair; fill in the other dimensions in random
            # order, each with the value that covers most.
            row = dict(rng.choice(sorted(missing)))
            rest = [n for n in names if n not in row]
            rng.shuffle(rest)
            for name in rest:
                def gain(value):
                    new = [tuple(sorted([(name, value), kv])) for kv in row.items()]
                    return sum(pair in missing for pair in new)
                values = list(range(dimensions[name]))
                rng.shuffle(values)
                row[name] = max(values, key=gain)
            total = len(pairs_of(row) & missing)
            if total > best_gain:
                best, best_gain = row, total
        rows.append(best)
        missing -= pairs_of(best)
    return rows
