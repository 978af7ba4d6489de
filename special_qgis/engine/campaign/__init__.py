# SPDX-License-Identifier: GPL-2.0-or-later
"""Many scenes with one class list: found, mapped in worker processes, resumed, and summed up in one report and mosaic.

May import all of the engine; of its jobs it runs ``classify``, by name.
"""
