# SPDX-License-Identifier: GPL-2.0-or-later
"""Processing algorithms, one class a file."""
