# SPDX-License-Identifier: GPL-2.0-or-later
"""Learning rate of each training step: half a cosine from the first rate to the last, one step an iteration.

The published code steps its schedule less often than it was made for, so that the last rate is never reached;
here the rate is a function of the step.
"""

from __future__ import annotations

import math


def cosine_rate(step: int, n_steps: int, first: float, last: float) -> float:
    """Learning rate of a step.

    Args:
        step: Index of the step, from 0; steps at or beyond ``n_steps - 1`` have the last rate.
        n_steps: Number of steps of the whole training, 1 or more.
        first: Learning rate of step 0.
        last: Learning rate of step ``n_steps - 1``.

    Source: Loshchilov and Hutter 2017, SGDR, Eq. 5, without restarts.
    """
    done = min(step / max(1, n_steps - 1), 1.0)
    return last + 0.5 * (first - last) * (1.0 + math.cos(math.pi * done))
