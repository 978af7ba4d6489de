# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine as a process of its own: interpreters, the worker's client, its events, its end.

May import the light modules of the engine.
"""
