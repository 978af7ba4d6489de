# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts that somebody else wrote: decoded by one rule, and kept from becoming markup or formulas.

May import the engine's ground modules.
"""
