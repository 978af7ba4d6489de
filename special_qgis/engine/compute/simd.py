# SPDX-License-Identifier: GPL-2.0-or-later
"""Sixteen float32 lanes as one value inside Numba kernels.

Numba's own loops become vector code only when LLVM chooses so; here the kernels state it. A ``Lanes`` value is one LLVM
vector, which the compiler splits into whatever registers the processor has. Functions marked "kernel only" exist in
compiled code alone. Products and sums may be contracted to fused multiply-adds; nothing else is reordered, except in
``lane_sum``.

Sources: exp2 by splitting off the integer and a polynomial of degree 6 on [-1/2, 1/2] that is 1 at 0 and interpolates
(exp2(x) - 1) / x at Chebyshev's points: a decay near 1 must not be off by even one bit, as a scan repeats it;
log(1 + t) = 2 artanh(t / (2 + t)), seven terms for t in [0, 1]; the error function by Abramowitz and Stegun 1964,
7.1.26, whose error is below 2e-7.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Callable, Tuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

__all__ = [
    "LANES",
    "N_LANES",
    "contracted_product_sum",
    "exp2",
    "gelu",
    "lane_pointer",
    "lane_sum",
    "lanes",
    "larger",
    "load",
    "sigmoid",
    "silu",
    "silu_slope",
    "softplus",
    "splat",
    "store",
]

N_LANES = 16
LOG2_E = 1.4426950408889634
EXP2_COEFFICIENTS = (
    1.0,
    0.6931471880262288,
    0.2402265076056825,
    0.05550357114218933,
    0.009618082557246383,
    0.001339086336475304,
    0.00015453162957213692,
)
EXP2_LIMIT = 126.0  # beyond, the scale 2**k is no normal number
N_ARTANH_TERMS = 7
ERF_SCALE = 0.3275911
ERF_COEFFICIENTS = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
_FLAGS = ("contract",)
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_VECTOR, _INT_VECTOR = ir.VectorType(_FLOAT, N_LANES), ir.VectorType(_INT, N_LANES)


class LanesType(types.Type):
    """Numba's type of a vector of lanes."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


LANES = LanesType()


@register_model(LanesType)
class LanesModel(models.PrimitiveModel):
    """A vector of lanes is one LLVM value."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _register_operator(function: Any, method: str) -> None:
    """Let an operator of Python work on two vectors."""

    class Template(ConcreteTemplate):
        cases = [signature(LANES, LANES, LANES)]  # noqa: RUF012 - Numba's form

    infer_global(function)(Template)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, method)(args[0], args[1], flags=_FLAGS)

    lower_builtin(function, LANES, LANES)(lower)


for _function, _method in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _register_operator(_function, _method)


def lane_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any, kind: Any) -> Any:
    """Address of an element of a C-contiguous array as a pointer to a vector of an LLVM type."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), kind.as_pointer())


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_VECTOR, [value] * N_LANES)


def splat(builder: Any, scalar: Any, kind: Any) -> Any:
    """A scalar in every lane of a vector of an LLVM type."""
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), ir.Constant(_INT_VECTOR, [0] * N_LANES))


def _call(builder: Any, name: str, *values: Any) -> Any:
    """Call one of LLVM's own vector functions."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(values))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{N_LANES}f32")
    return builder.call(function, values)


def contracted_product_sum(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a · b + c of vectors, rounded once where the processor can."""
    return builder.fadd(builder.fmul(a, b, flags=_FLAGS), c, flags=_FLAGS)


def _emit_exp2(builder: Any, x: Any) -> Any:
    x = _call(builder, "minnum", _call(builder, "maxnum", x, _constant(-EXP2_LIMIT)), _constant(EXP2_LIMIT))
    whole = _call(builder, "rint", x)
    rest = builder.fsub(x, whole)
    value = _constant(EXP2_COEFFICIENTS[-1])
    for coefficient in EXP2_COEFFICIENTS[-2::-1]:
        value = contracted_product_sum(builder, value, rest, _constant(coefficient))
    exponent = builder.shl(builder.fptosi(whole, _INT_VECTOR), ir.Constant(_INT_VECTOR, [23] * N_LANES))
    return builder.bitcast(builder.add(builder.bitcast(value, _INT_VECTOR), exponent), _VECTOR)


def _emit_sigmoid(builder: Any, x: Any) -> Any:
    falling = _emit_exp2(builder, builder.fmul(x, _constant(-LOG2_E)))
    return builder.fdiv(_constant(1.0), builder.fadd(_constant(1.0), falling))


def _emit_softplus(builder: Any, x: Any) -> Any:
    small = _emit_exp2(builder, builder.fmul(_call(builder, "fabs", x), _constant(-LOG2_E)))
    s = builder.fdiv(small, builder.fadd(small, _constant(2.0)))
    square = builder.fmul(s, s)
    series = _constant(2.0 / (2 * N_ARTANH_TERMS - 1))
    for term in range(N_ARTANH_TERMS - 1, 0, -1):
        series = contracted_product_sum(builder, series, square, _constant(2.0 / (2 * term - 1)))
    return contracted_product_sum(builder, series, s, _call(builder, "maxnum", x, _constant(0.0)))


def _emit_silu(builder: Any, x: Any) -> Any:
    return builder.fmul(x, _emit_sigmoid(builder, x))


def _emit_silu_slope(builder: Any, x: Any) -> Any:
    share = _emit_sigmoid(builder, x)
    rest = builder.fsub(_constant(1.0), share)
    return builder.fmul(share, contracted_product_sum(builder, x, rest, _constant(1.0)))


def _emit_gelu(builder: Any, x: Any) -> Any:
    """x · (1 + erf(x/√2)) / 2, from the tail 1 − erf(|x|/√2) = p(t) exp(−x²/2), t = 1 / (1 + scale · |x|/√2)."""
    size = _call(builder, "fabs", x)
    scaled = builder.fmul(size, _constant(ERF_SCALE * math.sqrt(0.5)), flags=_FLAGS)
    t = builder.fdiv(_constant(1.0), builder.fadd(scaled, _constant(1.0)))
    value = _constant(ERF_COEFFICIENTS[-1])
    for coefficient in ERF_COEFFICIENTS[-2::-1]:
        value = contracted_product_sum(builder, value, t, _constant(coefficient))
    decay = _emit_exp2(builder, builder.fmul(builder.fmul(x, x, flags=_FLAGS), _constant(-0.5 * LOG2_E)))
    tail = builder.fmul(builder.fmul(builder.fmul(value, t), decay), _constant(0.5))
    part = builder.fmul(size, tail)  # what is missing from max(x, 0)
    return builder.fsub(_call(builder, "maxnum", x, _constant(0.0)), part)


def _unary(emit: Callable[[Any, Any], Any], summary: str) -> Any:
    """A kernel function of one vector from what emits its code."""

    def typing_function(typing_context: Any, x: Any) -> Tuple[Any, Any]:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return emit(builder, args[0])

        return LANES(LANES), generate

    typing_function.__doc__ = summary
    return intrinsic(typing_function)


gelu = _unary(_emit_gelu, "Gaussian error linear unit of each lane; kernel only.")
exp2 = _unary(_emit_exp2, "Two to the power of each lane, arguments held within ±126; kernel only.")
sigmoid = _unary(_emit_sigmoid, "Logistic function of each lane; kernel only.")
silu = _unary(_emit_silu, "x · sigmoid(x) of each lane; kernel only.")
silu_slope = _unary(_emit_silu_slope, "Derivative of ``silu`` at each lane; kernel only.")
softplus = _unary(_emit_softplus, "log(1 + exp(x)) of each lane; kernel only.")


@intrinsic
def larger(typing_context: Any, a: Any, b: Any) -> Tuple[Any, Any]:
    """The larger one of each lane of two vectors; kernel only."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _call(builder, "maxnum", *args)

    return LANES(LANES, LANES), generate


@intrinsic
def lanes(typing_context: Any, scalar: Any) -> Tuple[Any, Any]:
    """The same number in every lane; kernel only."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return splat(builder, context.cast(builder, args[0], sig.args[0], types.float32), _VECTOR)

    return LANES(scalar), generate


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Tuple[Any, Any]:
    """Sixteen neighbours of a C-contiguous float32 array from its flat index on; nothing is checked. Kernel only."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        loaded = builder.load(lane_pointer(context, builder, sig.args[0], args[0], args[1], _VECTOR))
        loaded.align = 4
        return loaded

    return LANES(array, types.intp), generate


@intrinsic
def store(typing_context: Any, array: Any, index: Any, value: Any) -> Tuple[Any, Any]:
    """Write sixteen neighbours of a C-contiguous float32 array; nothing is checked. Kernel only."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        written = builder.store(args[2], lane_pointer(context, builder, sig.args[0], args[0], args[1], _VECTOR))
        written.align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, LANES), generate


@intrinsic
def lane_sum(typing_context: Any, value: Any) -> Tuple[Any, Any]:
    """Sum of the lanes as a float32, added pairwise; kernel only."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        part, width = args[0], N_LANES
        while width > 1:
            width //= 2
            half = ir.Constant(ir.VectorType(_INT, width), list(range(width)))
            other = ir.Constant(ir.VectorType(_INT, width), list(range(width, 2 * width)))
            empty = ir.Constant(part.type, ir.Undefined)
            part = builder.fadd(builder.shuffle_vector(part, empty, half), builder.shuffle_vector(part, empty, other))
        return builder.extract_element(part, ir.Constant(_INT, 0))

    return types.float32(LANES), generate
