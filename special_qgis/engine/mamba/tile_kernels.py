# SPDX-License-Identifier: GPL-2.0-or-later
"""Small matrix products over columns in compiled code: rows are features, columns are tokens or pixels.

Columns come in whole vectors; weights are few and stay in the cache. Four rows share each load.
"""

from __future__ import annotations

from numba import njit

from ..compute.simd import N_LANES, lane_sum, lanes, load, store

__all__ = ["correlate", "project"]


@njit(nogil=True, cache=True)
def project(weight, source, target, first, last, add):
    """``target[:, first:last] = weight @ source[:, first:last]``.

    Args:
        weight: (rows, terms) float32, left factor.
        source: (terms, columns) float32, right factor.
        target: (rows, columns) float32, the product; written, or added to where ``add``.
        first: Index of the first column.
        last: Index after the last column; ``last - first`` is a multiple of sixteen.
        add: Whether to add to what ``target`` holds.
    """
    n_rows, n_terms = weight.shape
    stride, into = source.shape[1], target.shape[1]
    whole = n_rows // 4 * 4
    for j in range(0, whole, 4):
        for column in range(first, last, N_LANES):
            s0, s1, s2, s3 = lanes(0.0), lanes(0.0), lanes(0.0), lanes(0.0)
            if add:
                s0, s1 = load(target, j * into + column), load(target, (j + 1) * into + column)
                s2, s3 = load(target, (j + 2) * into + column), load(target, (j + 3) * into + column)
            for k in range(n_terms):
                value = load(source, k * stride + column)
                s0 = s0 + lanes(weight[j, k]) * value
                s1 = s1 + lanes(weight[j + 1, k]) * value
                s2 = s2 + lanes(weight[j + 2, k]) * value
                s3 = s3 + lanes(weight[j + 3, k]) * value
            store(target, j * into + column, s0)
            store(target, (j + 1) * into + column, s1)
            store(target, (j + 2) * into + column, s2)
            store(target, (j + 3) * into + column, s3)
    for j in range(whole, n_rows):
        for column in range(first, last, N_LANES):
            total = lanes(0.0)
            if add:
                total = load(target, j * into + column)
            for k in range(n_terms):
                total = total + lanes(weight[j, k]) * load(source, k * stride + column)
            store(target, j * into + column, total)


@njit(nogil=True, cache=True)
def correlate(left, right, first, last, total):
    """``total += left[:, first:last] @ right[:, first:last].T``.

    Args:
        left: (rows, columns) float32, left factor.
        right: (terms, columns) float32, right factor, multiplied transposed.
        first: Index of the first column.
        last: Index after the last column; ``last - first`` is a multiple of sixteen.
        total: (rows, terms) float32, the product; added to.
    """
    n_rows, n_terms = total.shape
    a, b = left.shape[1], right.shape[1]
    whole = n_rows // 4 * 4
    for k in range(n_terms):
        for j in range(0, whole, 4):
            s0, s1, s2, s3 = lanes(0.0), lanes(0.0), lanes(0.0), lanes(0.0)
            for column in range(first, last, N_LANES):
                value = load(right, k * b + column)
                s0 = s0 + load(left, j * a + column) * value
                s1 = s1 + load(left, (j + 1) * a + column) * value
                s2 = s2 + load(left, (j + 2) * a + column) * value
                s3 = s3 + load(left, (j + 3) * a + column) * value
            total[j, k] += lane_sum(s0)
            total[j + 1, k] += lane_sum(s1)
            total[j + 2, k] += lane_sum(s2)
            total[j + 3, k] += lane_sum(s3)
        for j in range(whole, n_rows):
            rest = lanes(0.0)
            for column in range(first, last, N_LANES):
                rest = rest + load(left, j * a + column) * load(right, k * b + column)
            total[j, k] += lane_sum(rest)
