# SPDX-License-Identifier: GPL-2.0-or-later
"""What several test tiers share, one module a subject."""
