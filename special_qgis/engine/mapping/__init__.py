# SPDX-License-Identifier: GPL-2.0-or-later
"""One run from an open scene to a finished map: outputs, figures, report, and where they come from.

May import all packages but ``accuracy``, ``clip``, ``refine`` and ``terminal``; heavy stages are loaded on demand.
"""
