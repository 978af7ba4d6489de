# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of all tiers; a package so that ``tests.helpers`` can be imported from any of them."""
