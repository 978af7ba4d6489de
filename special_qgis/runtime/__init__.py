# SPDX-License-Identifier: GPL-2.0-or-later
"""The private Python environment of the heavy stages: found, tried out, installed, removed.

May import ``process`` and the light modules of the engine.
"""
