# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts of the plugin in the language of QGIS."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication


def translate(context: str, text: str) -> str:
    """A text in the language of QGIS.

    Args:
        context: Group of texts that it belongs to, by which translators find it.
        text: In English, a literal where it is called, so that tools find it.
    """
    return str(QCoreApplication.translate(context, text))
