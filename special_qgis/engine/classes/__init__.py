# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes as the analyst gives them: names, colours, meanings; text, files and styles that hold such lists.

May import the engine's ground modules.
"""
