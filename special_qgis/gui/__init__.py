# SPDX-License-Identifier: GPL-2.0-or-later
"""Widgets for what Processing's own parameter widgets cannot do."""
