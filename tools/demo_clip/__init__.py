# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the demo checkpoint: paints scenes with exact masks, trains a small CLIP on them, judges and exports it.

Never part of the plugin. ``make demo-model`` runs all four steps; ``docs/demo_model.md`` tells what comes out.
"""
