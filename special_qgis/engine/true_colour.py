# SPDX-License-Identifier: GPL-2.0-or-later
"""True colour: red, green and blue interpolated from a scene's bands and stretched together, as a picture or a raster.

One pair of quantiles for the three channels keeps the colour balance; they come from a fixed sample, so that no block
size can change them.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal

from .config import TrueColourConfig
from .mapping.envelope import MAPPED, OPENED, Envelope
from .outputs.output_set import OutputSet
from .progress import Progress, SubProgress
from .scene.rgb import SAMPLE_PX, Mixer, find_stretch, plan_mixer, to_rgba
from .scene.scene import Block, Scene

_BAND_NAMES = ("red", "green", "blue", "alpha")
_COLOURS = (gdal.GCI_RedBand, gdal.GCI_GreenBand, gdal.GCI_BlueBand, gdal.GCI_AlphaBand)


def true_colour(config: TrueColourConfig, progress: Optional[Progress] = None) -> Dict[str, Any]:
    """Write a true-colour raster.

    Args:
        config: Scene, wavelengths, stretch and output of the job.
        progress: Receives progress, messages and warnings; None = nothing receives them.

    Returns:
        Path, wavelengths, stretch, status and warnings, as JSON values.

    Raises:
        EngineError: Anything wrong with the input, the options or the output; nothing has been written then.
        Cancelled: The user cancelled; nothing has been written.
    """
    job = Envelope(progress)
    with job.files(config.scene) as (scene, outputs):
        low, high = render(scene, config, outputs, job.part(OPENED, MAPPED))
    return {
        "output": config.output,
        "rgb_nm": [config.red_nm, config.green_nm, config.blue_nm],
        "stretch": [low, high],
        "status": job.listener.status,
        "warnings": job.listener.warnings,
    }


def render(scene: Scene, config: TrueColourConfig, outputs: OutputSet, progress: Progress) -> Tuple[float, float]:
    """Render a scene into a raster of an output set.

    Returns:
        The values that became black and white.

    Raises:
        SpectraError: The scene does not cover one of the wavelengths.
    """
    mixer = plan_mixer(scene.axis, (config.red_nm, config.green_nm, config.blue_nm))
    writer = outputs.raster(config.output, scene.grid, 4, np.uint8, None, _BAND_NAMES, "True colour")
    for number, colour in enumerate(_COLOURS, 1):
        writer.dataset.GetRasterBand(number).SetColorInterpretation(colour)
    progress.report(0.0, "Sampling the scene")
    spectra = scene.sample(SAMPLE_PX, config.seed, progress).spectra
    channels = mixer.mix(np.ascontiguousarray(spectra[:, mixer.band_indices].T))
    low, high = find_stretch(channels, config.low_quantile, config.high_quantile)
    progress.report(0.1, "Rendering")
    for window, block in scene.tiles(SubProgress(progress, 0.1, 0.98)):
        writer.write(window, _render_block(mixer, block, low, high))
    return low, high


def _render_block(mixer: Mixer, block: Block, low: float, high: float) -> NDArray[np.uint8]:
    return to_rgba(mixer.mix(block.values(mixer.band_indices)), block.valid, low, high)
