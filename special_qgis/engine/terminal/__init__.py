# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine on a terminal: the command line, its progress bar, results as text.

May import the engine's ground modules.
"""
