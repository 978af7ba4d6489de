# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes docs/parameters.md from the algorithms' own definitions, so that help and documentation cannot differ.

Run with a Python that has QGIS: ``python tools/document_parameters.py`` writes, with ``--check`` it only compares.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, List

REPOSITORY = Path(__file__).resolve().parent.parent
TARGET = REPOSITORY / "docs" / "parameters.md"

if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

from qgis.core import (  # noqa: E402 - the path must be set first
    QgsProcessingAlgorithm,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
)

from special_qgis.provider import ALGORITHMS  # noqa: E402

HEAD = """# Parameters and outputs

Generated from the algorithms by `tools/document_parameters.py`; a test fails when this page is stale. Keys are what
scripts, models, batch files and `qgis_process` use; they are permanent. Parameters marked *advanced* are folded away in
dialogs. A choice may also be given by its position, counted from 0. Outputs that are “written” by default are so in
dialogs; scripts and `qgis_process` write an optional output only when it is given.
"""


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    for algorithm_class in ALGORITHMS:
        parts.append(_section(algorithm_class().create()))
    return "\n".join(parts)


def _section(algorithm: QgsProcessingAlgorithm) -> str:
    definitions = algorithm.parameterDefinitions()
    lines = [
        f"## special:{algorithm.name()}",
        "",
        f"**{algorithm.displayName()}** (group {algorithm.group()})",
        "",
        algorithm.description().replace("\n", "\n\n"),
        "",
        "| parameter | | value | default |",
        "|---|---|---|---|",
        *(_parameter_row(definition) for definition in definitions),
        "",
        "| output | kind | |",
        "|---|---|---|",
        *(f"| `{o.name()}` | {_kind(o.type())} | {_cell(o.description())} |" for o in algorithm.outputDefinitions()),
        "",
    ]
    return "\n".join(lines)


def _parameter_row(definition: QgsProcessingParameterDefinition) -> str:
    name = f"`{definition.name()}`"
    if definition.flags() & QgsProcessingParameterDefinition.FlagAdvanced:
        name += " *advanced*"
    meaning = f"**{_cell(definition.description())}.** {_cell(definition.help())}"
    return f"| {name} | {meaning} | {_value(definition)} | {_default(definition)} |"


def _value(definition: QgsProcessingParameterDefinition) -> str:
    kind = _kind(definition.type())
    if isinstance(definition, QgsProcessingParameterFile):
        is_folder = definition.behavior() == QgsProcessingParameterFile.Folder
        kind = "folder" if is_folder else "file"
    if isinstance(definition, QgsProcessingParameterEnum):
        kind = "one of " + ", ".join(f"`{option}`" for option in definition.options())
    optional = definition.flags() & QgsProcessingParameterDefinition.FlagOptional
    return f"{kind}, optional" if optional else kind


def _default(definition: QgsProcessingParameterDefinition) -> str:
    value: Any = definition.defaultValue()
    if definition.isDestination():
        optional = definition.flags() & QgsProcessingParameterDefinition.FlagOptional
        return ("written" if definition.createByDefault() else "left out") if optional else ""
    if isinstance(definition, QgsProcessingParameterBoolean):
        return "`true`" if value else "`false`"
    return "" if value is None or value == "" else f"`{value}`"


def _kind(type_name: str) -> str:
    words = {
        "source": "vector layer",
        "raster": "raster layer",
        "rasterDestination": "GeoTIFF to write",
        "fileDestination": "file to write",
        "outputRaster": "raster",
        "outputHtml": "HTML file",
        "outputFile": "file",
        "outputNumber": "number",
        "outputString": "string",
        "outputBoolean": "boolean",
        "string": "text",
    }
    return words.get(type_name, type_name)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def main(arguments: List[str]) -> int:
    """Write the page, or compare it.

    Returns:
        Exit code; 1 when ``--check`` finds the page stale.
    """
    text = render()
    if "--check" not in arguments:
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{TARGET} is stale: run tools/document_parameters.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
