# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The artifact that the tests call: LINATTN_TEST_ARTIFACT."""

import os

import pytest

from linattn import runtime


@pytest.fixture
def program():
    with runtime.load(os.environ["LINATTN_TEST_ARTIFACT"]) as artifact:
        yield artifact


@pytest.fixture
def artifact_bytes():
    with open(os.environ["LINATTN_TEST_ARTIFACT"], "rb") as file:
        return file.read()
