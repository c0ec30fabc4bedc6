# Part of the linattn project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the simulator reports."""


class PtxSyntaxError(Exception):
    """The PTX text is malformed, or uses something the parser does not know."""


class Unsupported(Exception):
    """A valid instruction or feature that the simulator does not model."""


class SimulationError(Exception):
    """A kernel broke a rule of the machine.

    `kind` is one of:
      race           two accesses to shared memory that nothing orders
      proxy          generic accesses and asynchronous ones without a proxy fence
      uninitialized  undefined shared memory, register or barrier
      inflight       a register that an unfinished wgmma still owns
      fence          a wgmma over registers written since the last wgmma.fence
      bounds         an address outside of every allocation
      misaligned     an address that breaks an alignment rule
      operand        an operand that the instruction does not allow
      barrier        arrivals or byte counts that do not match
      convergence    a warp-wide instruction that the warp does not reach together
      exit           a CTA that ends with unfinished asynchronous work
      deadlock       no warp can go on
      limit          more steps than the launch allows
    """

    def __init__(self, kind, message):
        super().__init__(f"[{kind}] {message}")
        self.kind = kind
        self.message = message
        self.located = False

    def locate(self, where):
        """Adds the place, once, at the level that knows it."""
        if not self.located:
            self.located = True
            self.args = (f"{self.args[0]}\n  {where}",)
        return self
