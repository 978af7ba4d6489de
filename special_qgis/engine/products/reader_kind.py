# SPDX-License-Identifier: GPL-2.0-or-later
"""What a reader of one sensor's products is: how it knows them, and how it describes them."""

from __future__ import annotations

from typing import Callable, NamedTuple

from ..progress import Progress
from .candidate import Candidate
from .product import Product


class Reader(NamedTuple):
    """A reader of one sensor's products."""

    name: str  # such as "EnMAP"
    recognises: Callable[[Candidate], bool]
    read: Callable[[Candidate, Progress], Product]
