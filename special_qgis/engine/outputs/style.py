# SPDX-License-Identifier: GPL-2.0-or-later
"""QGIS styles (.qml) as text: the class map with its legend, and the confidence raster.

Plain text in, plain text out, no QGIS needed; QGIS 3.22 and later load them.
"""

from __future__ import annotations

import html
from typing import Sequence

from ..classes.classes import LandCoverClass

_HEAD = """<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology">
  <pipe>
    <provider>
      <resampling enabled="false" maxOversampling="2" {resampling}/>
    </provider>
    <rasterrenderer type="{renderer}" band="1" opacity="1" alphaBand="-1" nodataColor=""{attributes}>
      <rasterTransparency/>
"""
_TAIL = """    </rasterrenderer>
    <brightnesscontrast brightness="0" contrast="0" gamma="1"/>
    <huesaturation saturation="0" grayscaleMode="0" colorizeOn="0"/>
    <rasterresampler maxOversampling="2"/>
    <resamplingStage>resamplingFilter</resamplingStage>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
"""
_NEAREST = 'zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour"'

# viridis (S. van der Walt, N. Smith 2015, CC0) at nine even steps: lightness grows evenly, for colour-blind readers too
_VIRIDIS = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725")


def paletted_qml(classes: Sequence[LandCoverClass]) -> str:
    """Style of a class raster: one legend entry a class, in order, and nothing for 0.

    Args:
        classes: Classes in the order of their ids.
    """
    entries = "".join(
        f'        <paletteEntry value="{c.id}" color="{c.colour}" alpha="255" label="{html.escape(c.name)}"/>\n'
        for c in classes
    )
    head = _HEAD.format(renderer="paletted", attributes="", resampling=_NEAREST)
    return f"{head}      <colorPalette>\n{entries}      </colorPalette>\n{_TAIL}"


def confidence_qml() -> str:
    """Style of a confidence raster: 0 dark violet to 1 yellow, linear."""
    steps = len(_VIRIDIS) - 1
    items = "".join(
        f'            <item value="{i / steps:g}" color="{colour}" alpha="255" label="{i / steps:.2f}"/>\n'
        for i, colour in enumerate(_VIRIDIS)
    )
    attributes = ' classificationMin="0" classificationMax="1"'
    head = _HEAD.format(renderer="singlebandpseudocolor", attributes=attributes, resampling=_NEAREST)
    return (
        f"{head}      <rastershader>\n"
        '        <colorrampshader colorRampType="INTERPOLATED" classificationMode="1" clip="0"'
        ' minimumValue="0" maximumValue="1" labelPrecision="2">\n'
        f"{_ramp_qml(_VIRIDIS)}{items}        </colorrampshader>\n      </rastershader>\n{_TAIL}"
    )


def _ramp_qml(colours: Sequence[str]) -> str:
    """The colour ramp that the items come from, for QGIS's style panel; evenly spaced, first to last."""
    rgba = [",".join(map(str, bytes.fromhex(colour[1:]))) + ",255" for colour in colours]
    stops = ":".join(f"{i / (len(rgba) - 1):g};{rgba[i]}" for i in range(1, len(rgba) - 1))
    values = {"color1": rgba[0], "color2": rgba[-1], "discrete": "0", "rampType": "gradient", "stops": stops}
    options = "".join(
        f'              <Option type="QString" name="{key}" value="{value}"/>\n' for key, value in values.items()
    )
    return (
        '          <colorramp type="gradient" name="[source]">\n            <Option type="Map">\n'
        f"{options}            </Option>\n          </colorramp>\n"
    )
