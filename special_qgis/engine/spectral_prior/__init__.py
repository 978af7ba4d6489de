# SPDX-License-Identifier: GPL-2.0-or-later
"""Spectral prior: class names to per-pixel evidence from physics, with no weights."""
