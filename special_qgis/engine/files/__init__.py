# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of our own: where they lie, how they are locked, how they are written so that they last.

May import the engine's ground modules.
"""
