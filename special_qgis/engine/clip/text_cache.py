# SPDX-License-Identifier: GPL-2.0-or-later
"""Text embeddings kept on disk: one small file for each checkpoint and list of prompts.

A file holds its own hash; one that is damaged, cut off or of another form counts as missing and is written anew.
Files appear whole, under another name first. Nothing in them is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress

__all__ = ["TextCache"]

_DIGEST_BYTES = hashlib.sha256().digest_size


class TextCache:
    """Embeddings of one checkpoint.

    Args:
        folder: Folder of the files, made when first written to.
        checkpoint_hash: SHA-256 of the checkpoint, in hexadecimal digits.
        progress: Receives a message where a file is damaged or none can be written.
    """

    def __init__(self, folder: Path, checkpoint_hash: str, progress: Progress) -> None:
        self._folder, self._checkpoint_hash, self._progress = folder, checkpoint_hash, progress
        self._writable = True

    def path(self, prompts: Sequence[str]) -> Path:
        """File for the embedding of a list of prompts."""
        key = json.dumps([self._checkpoint_hash, list(prompts)], ensure_ascii=True)
        return self._folder / f"{hashlib.sha256(key.encode('ascii')).hexdigest()}.embedding"

    def read(self, prompts: Sequence[str]) -> Optional[NDArray[np.float32]]:
        """(dimensions,) float32 of unit length; None where there is no whole file."""
        try:
            data = self.path(prompts).read_bytes()
        except OSError:
            return None  # not there yet, or not readable: computed anew
        digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if not content or len(content) % 4 or hashlib.sha256(content).digest() != digest:
            self._progress.info(f"The kept text embedding {self.path(prompts).name} is damaged and is computed anew.")
            return None
        return np.frombuffer(content, "<f4").astype(np.float32)

    def write(self, prompts: Sequence[str], vector: NDArray[np.float32]) -> None:
        """Keep an embedding; a folder that cannot be written costs only the time to compute it again."""
        if not self._writable:
            return
        content = np.ascontiguousarray(vector, "<f4").tobytes()
        try:
            self._replace(self.path(prompts), hashlib.sha256(content).digest() + content)
        except OSError as error:
            self._writable = False
            self._progress.info(f"Text embeddings cannot be kept for the next run: {error}.")

    def _replace(self, path: Path, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".embedding-", dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
