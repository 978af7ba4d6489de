# SPDX-License-Identifier: GPL-2.0-or-later
"""A network's first pass on a machine, which may compile for half a minute, with cancel at any moment.

Compiled kernels are kept for later runs, so this costs hardly anything from the second run on.
"""

from __future__ import annotations

import copy
import threading
from typing import Callable, List

import torch

from ..progress import Progress, check_cancelled

SIDE_PX = 8  # of the trial image: a network then meets sequences of both kinds that it has compiled code for
POLL_S = 0.05  # between two looks at cancel


def make_first_pass(network: torch.nn.Module, n_bands: int, backwards: bool, progress: Progress) -> None:
    """Run a copy of a network once on an empty image, so that nothing is compiled later.

    Args:
        network: Network on its device; neither its weights nor its gradients change.
        n_bands: Number of bands that the network takes.
        backwards: Whether to run the backward pass as well.
        progress: Receives progress; checked for cancel all the time.

    Raises:
        Cancelled: The user cancelled; the compiler ends its work in a thread that does not keep the process alive.
    """
    trial = copy.deepcopy(network)
    device = next(network.parameters()).device

    def run() -> None:
        image = torch.zeros(1, n_bands, SIDE_PX, SIDE_PX, device=device)
        with torch.set_grad_enabled(backwards):
            logits = trial(image)
            if backwards:
                logits.sum().backward()

    progress.report(0.0, "Network: preparing, which compiles its kernels the first time")
    _call_in_thread(run, progress)


def _call_in_thread(function: Callable[[], None], progress: Progress) -> None:
    """Call a function in another thread and watch for cancel meanwhile; what it raises is raised here."""
    raised: List[Exception] = []

    def run() -> None:
        try:
            function()
        except Exception as error:  # noqa: BLE001 - raised again in the waiting thread
            raised.append(error)

    thread = threading.Thread(target=run, name="first pass", daemon=True)
    thread.start()
    while thread.is_alive():
        check_cancelled(progress)
        thread.join(POLL_S)
    if raised:
        raise raised[0]
