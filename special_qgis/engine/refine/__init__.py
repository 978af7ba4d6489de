# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage 2: a network learns the scene from stage 1's noisy labels and maps it again. Sees no reference, ever."""
