# SPDX-License-Identifier: GPL-2.0-or-later
"""The network stage: a network learns the scene from the first stage's noisy labels and maps it again.

May import the engine's ground modules and all packages below but ``accuracy`` and ``terminal``: it sees no reference.
"""
