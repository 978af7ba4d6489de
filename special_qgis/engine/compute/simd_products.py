# SPDX-License-Identifier: GPL-2.0-or-later
"""Sums of products inside Numba kernels, held in registers, of float32 or of pairs of bfloat16.

A kernel is written once; the type of its arrays decides how it multiplies. Numbers that are summed over come in pairs,
the even one and the odd one. In a float32 array they are two runs of lanes, one behind the other. In a uint32 array
they are one run of words, each of which holds both as bfloat16, the even one in the lower half; processors that have
an instruction for it multiply and add both at once, others do so one after the other. Sums are float32 in any case.
All functions are "kernel only": they exist in compiled code alone, and check nothing.

Source of the instruction: Intel 64 and IA-32 Architectures Software Developer's Manual, VDPBF16PS.
"""

from __future__ import annotations

from typing import Any, Callable, List, Tuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .simd import LANES, N_LANES, contracted_product_sum, lane_pointer, splat

__all__ = ["interleave_first", "interleave_last", "n_words", "product_sums", "store_pair"]

_INT = ir.IntType(32)
_VECTOR = ir.VectorType(ir.FloatType(), N_LANES)
_WORDS = ir.VectorType(_INT, N_LANES)
_SPARE_REGISTERS = 4  # for what is loaded


class _BrainFloat(ir.Type):
    """LLVM's bfloat, which llvmlite has no name for."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BrainFloat)

    def __hash__(self) -> int:
        return hash(_BrainFloat)


_BRAIN_FLOATS = ir.VectorType(_BrainFloat(), 2 * N_LANES)


def _is_packed(array: Any) -> bool:
    """Whether an array of this Numba type holds pairs of bfloat16."""
    return bool(array.dtype == types.uint32)


def _features(context: Any) -> str:
    """What the processor can do that code is made for."""
    return str(context.codegen().magic_tuple()[2])


def _rows_at_once(context: Any, n_rows: int, n_vectors: int) -> int:
    """Rows whose sums the registers hold."""
    features = _features(context)
    has_avx512 = "+avx512f" in features
    n_registers = 16 if "+sse" in features and not has_avx512 else 32
    per_vector = 1 if has_avx512 else 2 if "+avx" in features else 4
    return max(1, min(n_rows, (n_registers - _SPARE_REGISTERS) // (n_vectors * per_vector)))


def _words(value: int) -> ir.Constant:
    return ir.Constant(_WORDS, [value] * N_LANES)


def _half(builder: Any, pair: Any, odd: bool) -> Any:
    """One number of each pair as float32."""
    bits = builder.and_(pair, _words(0xFFFF0000)) if odd else builder.shl(pair, _words(16))
    return builder.bitcast(bits, _VECTOR)


def _add_products(context: Any, builder: Any, total: Any, a: Any, b: Any) -> Any:
    """Sums of each lane's products added to a total."""
    if a.type == _VECTOR:
        return contracted_product_sum(builder, a, b, total)
    if "+avx512bf16" in _features(context):
        kind = ir.FunctionType(_VECTOR, [_VECTOR, _BRAIN_FLOATS, _BRAIN_FLOATS])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512bf16.dpbf16ps.512")
        return builder.call(function, [total, builder.bitcast(a, _BRAIN_FLOATS), builder.bitcast(b, _BRAIN_FLOATS)])
    for odd in (False, True):
        total = contracted_product_sum(builder, _half(builder, a, odd), _half(builder, b, odd), total)
    return total


def product_sums(n_rows: int, n_vectors: int) -> Any:
    """A kernel function that sums products of numbers with runs of lanes, over two nested loops.

    ``target[to + 16 (i · n_vectors + j) …] = Σ_outer Σ_inner scalars[s + i] · values[v + j · v_apart …]`` with
    ``s = s_at + outer · s_outer + inner · s_inner`` and v alike. Its arguments, in order: scalars, s_at, s_inner,
    s_outer, values, v_at, v_apart, v_inner, v_outer, n_inner, n_outer, target, to. Scalars and values are both float32
    or both packed.

    Args:
        n_rows: Number of scalars side by side, i; 1 or more.
        n_vectors: Number of vectors of lanes side by side, j; 1 or more.
    """

    def typing_function(
        typing_context: Any,
        scalars: Any,
        s_at: Any,
        s_inner: Any,
        s_outer: Any,
        values: Any,
        v_at: Any,
        v_apart: Any,
        v_inner: Any,
        v_outer: Any,
        n_inner: Any,
        n_outer: Any,
        target: Any,
        to: Any,
    ) -> Tuple[Any, Any]:
        index = types.intp
        sig = types.void(scalars, index, index, index, values, index, index, index, index, index, index, target, index)
        return sig, _generate_sums(n_rows, n_vectors)

    return intrinsic(typing_function)


def _generate_sums(n_rows: int, n_vectors: int) -> Callable[..., Any]:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at_once = _rows_at_once(context, n_rows, n_vectors)
        for first in range(0, n_rows, at_once):
            rows = range(first, min(first + at_once, n_rows))
            sums = _emit_loops(context, builder, sig, args, rows, n_vectors)
            for i, row in zip(rows, sums):
                for j, total in enumerate(row):
                    place = builder.add(args[12], _index(N_LANES * (i * n_vectors + j)))
                    written = builder.store(
                        builder.load(total), lane_pointer(context, builder, sig.args[11], args[11], place, _VECTOR)
                    )
                    written.align = 4
        return context.get_dummy_value()

    return generate


def _index(value: int) -> ir.Constant:
    return ir.Constant(ir.IntType(types.intp.bitwidth), value)


def _emit_loops(context: Any, builder: Any, sig: Any, args: Any, rows: range, n_vectors: int) -> List[List[Any]]:
    """The loops for some of the rows: addresses of the sums, which LLVM keeps in registers."""
    scalars, s_at, s_inner, s_outer, values, v_at, v_apart, v_inner, v_outer, n_inner, n_outer = args[:11]
    packed = _is_packed(sig.args[0])
    kind = _WORDS if packed else _VECTOR
    zero = ir.Constant(_VECTOR, [0.0] * N_LANES)
    sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(n_vectors)] for _ in rows]
    for row in sums:
        for total in row:
            builder.store(zero, total)
    data = context.make_array(sig.args[0])(context, builder, scalars).data
    with cgutils.for_range(builder, n_outer) as outer:
        s_row = builder.add(s_at, builder.mul(outer.index, s_outer))
        v_row = builder.add(v_at, builder.mul(outer.index, v_outer))
        with cgutils.for_range(builder, n_inner) as inner:
            s_here = builder.add(s_row, builder.mul(inner.index, s_inner))
            v_here = builder.add(v_row, builder.mul(inner.index, v_inner))
            loaded = []
            for j in range(n_vectors):
                place = builder.add(v_here, builder.mul(v_apart, _index(j)))
                vector = builder.load(lane_pointer(context, builder, sig.args[4], values, place, kind))
                vector.align = 4
                loaded.append(vector)
            for i, row in zip(rows, sums):
                scalar = builder.load(builder.gep(data, [builder.add(s_here, _index(i))]))
                number = splat(builder, scalar, kind)
                for total, vector in zip(row, loaded):
                    builder.store(_add_products(context, builder, builder.load(total), number, vector), total)
    return sums


@intrinsic
def n_words(typing_context: Any, array: Any) -> Tuple[Any, Any]:
    """Runs of lanes that a pair takes in an array: 2 in float32, 1 packed; kernel only."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _index(1 if _is_packed(sig.args[0]) else 2)

    return types.intp(array), generate


@intrinsic
def store_pair(typing_context: Any, array: Any, index: Any, even: Any, odd: Any, apart: Any) -> Tuple[Any, Any]:
    """Write sixteen pairs from a flat index on, in float32 the odd ones ``apart`` behind the even ones; kernel only."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        held, place, even, odd, apart = args
        if _is_packed(sig.args[0]):
            upper = builder.and_(_rounded(builder, odd), _words(0xFFFF0000))
            parts = [(place, builder.or_(upper, builder.lshr(_rounded(builder, even), _words(16))), _WORDS)]
        else:
            parts = [(place, even, _VECTOR), (builder.add(place, apart), odd, _VECTOR)]
        for at, value, kind in parts:
            written = builder.store(value, lane_pointer(context, builder, sig.args[0], held, at, kind))
            written.align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, LANES, LANES, types.intp), generate


def _rounded(builder: Any, value: Any) -> Any:
    """Bits of float32 whose upper half is the nearest bfloat16, ties to even."""
    bits = builder.bitcast(value, _WORDS)
    tie = builder.and_(builder.lshr(bits, _words(16)), _words(1))
    return builder.add(bits, builder.add(tie, _words(0x7FFF)))


def _interleave(start: int) -> Any:
    """A kernel function that interleaves half the lanes of two vectors, from one of them on."""

    def typing_function(typing_context: Any, a: Any, b: Any) -> Tuple[Any, Any]:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            order = [start + lane // 2 + N_LANES * (lane % 2) for lane in range(N_LANES)]
            return builder.shuffle_vector(args[0], args[1], ir.Constant(_WORDS, order))

        return LANES(LANES, LANES), generate

    typing_function.__doc__ = "Lanes a₀, b₀, a₁, b₁, … of one half of two vectors; kernel only."
    return intrinsic(typing_function)


interleave_first = _interleave(0)
interleave_last = _interleave(N_LANES // 2)
