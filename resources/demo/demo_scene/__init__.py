# SPDX-License-Identifier: GPL-2.0-or-later
"""A made scene whose every pixel is known: a small town on a river, as an airborne imaging spectrometer sees it.

Order of work: ``town`` draws materials, heights and slopes at a quarter of a pixel; ``light`` adds sun, shadow and sky;
``mixing`` averages light and materials to pixels; ``sensor`` adds atmosphere, noise and striping; ``files`` writes an
ENVI cube and the truth beside it. Spectra come from ``optics`` (leaves, water, light) and ``materials``.
Nothing here knows how the plugin classifies.
"""
