# SPDX-License-Identifier: GPL-2.0-or-later
"""Common frame of every job on a scene: listener, clock, the open scene, outputs that appear whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, NamedTuple, Optional, Sequence

from ..config import SceneConfig
from ..outputs.output_set import OutputSet
from ..products.opening import files_of_product
from ..progress import NullProgress, Progress, RecordingProgress, SubProgress
from ..scene.opening import open_scene
from ..scene.scene import Scene
from .stopwatch import Stopwatch

OPENED, MAPPED, COMMITTING = 0.03, 0.95, 0.98  # fractions of a job


class OpenFiles(NamedTuple):
    """The open scene and the outputs of a job."""

    scene: Scene
    outputs: OutputSet


class Envelope:
    """One job from its start to the outputs in place.

    Args:
        progress: Receives progress, messages and warnings of the job; None = nothing receives them.
    """

    def __init__(self, progress: Optional[Progress]) -> None:
        self.listener = RecordingProgress(progress or NullProgress())
        self.watch = Stopwatch()

    def part(self, begin: float, end: float) -> SubProgress:
        """Progress of a stage of the job.

        Args:
            begin: Fraction of the job, 0 to 1, at which the stage begins.
            end: Fraction of the job, 0 to 1, at which the stage ends.
        """
        return SubProgress(self.listener, begin, end)

    @contextmanager
    def files(self, config: SceneConfig, others: Sequence[str] = ()) -> Iterator[OpenFiles]:
        """Open the scene, and put the outputs into place when the body ends without an error.

        Args:
            config: How to read the scene.
            others: Paths of further files that the job reads, which no output may replace; empty paths are passed over.

        Raises:
            EngineError: The scene cannot be read, or an output cannot be put into place; nothing has been written then.
            Cancelled: The user cancelled; nothing has been written.
        """
        inputs = [*config.files, *files_of_product(config.source), *filter(None, others)]
        with OutputSet(inputs=inputs) as outputs:
            with open_scene(config, self.part(0.0, OPENED)) as scene:
                yield OpenFiles(scene, outputs)
            self.listener.report(COMMITTING, "Moving the outputs into place")
            outputs.commit()
        self.listener.report(1.0, "Done")
