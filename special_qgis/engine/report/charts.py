# SPDX-License-Identifier: GPL-2.0-or-later
"""Small charts for reports as inline SVG, drawn with text and lines alone.

All are about 440 units wide, so that their text can be read on a phone. Colours of axes and text come from the page's
style sheet (classes ``axis``, ``grid``, ``halo``), so they follow its light and dark forms and print well.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from html import escape
from typing import List, Optional, Sequence, Tuple

WIDTH = 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 14, 12, 44  # margins of the plotting area
_GAP_FACTOR = 3.0  # a line breaks where neighbours are farther apart than this many median spacings


@dataclass(frozen=True)
class Part:
    """A share of a whole."""

    label: str
    colour: str  # "#rrggbb"
    share: float  # in [0, 1]


@dataclass(frozen=True)
class Bars:
    """Counts of one class in the bins of a histogram."""

    label: str
    colour: str  # "#rrggbb"
    counts: Tuple[float, ...]


@dataclass(frozen=True)
class Line:
    """A curve with an optional band around it."""

    label: str
    colour: str  # "#rrggbb"
    x: Tuple[float, ...]  # ascending
    y: Tuple[float, ...]
    spread: Tuple[float, ...] = ()  # half width of the band; () = no band


@dataclass(frozen=True)
class IntervalRow:
    """A figure with its interval, both in [0, 1]; None = not known."""

    label: str
    colour: str  # "#rrggbb"
    value: Optional[float]
    interval: Optional[Tuple[float, float]]


@dataclass(frozen=True)
class Frame:
    """Plotting area and the values at its borders."""

    x_range: Tuple[float, float]
    y_range: Tuple[float, float]
    height: int = 260

    def x(self, value: float) -> float:
        """Horizontal place of a value."""
        low, high = self.x_range
        return _LEFT + (value - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """Vertical place of a value."""
        low, high = self.y_range
        return self.height - _BOTTOM - (value - low) / (high - low) * (self.height - _TOP - _BOTTOM)


def safe_colour(colour: str) -> str:
    """The colour where it is "#rrggbb", else grey: nothing else may reach an attribute of the page."""
    return colour if re.fullmatch(r"#[0-9a-fA-F]{6}", colour) else "#888888"


def ticks(low: float, high: float, n_wanted: int = 5) -> List[float]:
    """Round values inside a range, about as many as wanted, 1, 2 or 5 times a power of ten apart."""
    if not high > low:
        return [low]
    raw = (high - low) / max(1, n_wanted)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def stacked_bar(parts: Sequence[Part], description: str) -> str:
    """One bar cut into shares."""
    x, pieces = 0.0, []
    for part in parts:
        width = part.share * WIDTH
        tip = f"<title>{escape(part.label)}: {100 * part.share:.1f} %</title>"
        pieces.append(
            f'<rect x="{x:.2f}" y="0" width="{width:.2f}" height="22" fill="{safe_colour(part.colour)}">{tip}</rect>'
        )
        x += width
    return _svg(22, description, "".join(pieces), "bar")


def histogram(edges: Sequence[float], series: Sequence[Bars], description: str, x_title: str) -> str:
    """Stacked bars over bins.

    Args:
        edges: n + 1 bin borders, ascending.
        series: Counts of each class, n numbers each, stacked in this order from below.
        description: What the chart shows, for readers who cannot see it.
        x_title: Title of the horizontal axis.
    """
    totals = [sum(bars.counts[i] for bars in series) for i in range(len(edges) - 1)]
    whole = sum(totals) or 1.0
    frame = Frame((edges[0], edges[-1]), (0.0, max(max(totals, default=0.0) / whole * 1.06, 1e-9)), 240)
    body = _grid(frame, x_title, "share of pixels", y_as_share=True)
    for i in range(len(totals)):
        left, right = frame.x(edges[i]) + 0.6, frame.x(edges[i + 1]) - 0.6
        base = 0.0
        for bars in series:
            share = bars.counts[i] / whole
            if share <= 0:
                continue
            top, bottom = frame.y(base + share), frame.y(base)
            body += (
                f'<rect x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" height="{bottom - top:.2f}" '
                f'fill="{safe_colour(bars.colour)}"><title>{escape(bars.label)}</title></rect>'
            )
            base += share
    return _svg(frame.height, description, body)


def line_chart(lines: Sequence[Line], description: str, x_title: str, y_title: str) -> str:
    """Curves with bands; a curve breaks where values of its x are missing.

    Args:
        lines: Curves, drawn in this order.
        description: What the chart shows, for readers who cannot see it.
        x_title: Title of the horizontal axis.
        y_title: Title of the vertical axis.
    """
    frame = Frame(_x_range(lines), _y_range(lines))
    body = _grid(frame, x_title, y_title)
    body += "".join(_band(frame, line) for line in lines if line.spread)
    return _svg(frame.height, description, body + "".join(_curve(frame, line) for line in lines))


def _y_range(lines: Sequence[Line]) -> Tuple[float, float]:
    """Range that holds all curves with their bands, from zero where they come near it."""
    lows, highs = [], []
    for line in lines:
        spread = line.spread or (0.0,) * len(line.y)
        lows += [y - s for y, s in zip(line.y, spread) if math.isfinite(y - s)]
        highs += [y + s for y, s in zip(line.y, spread) if math.isfinite(y + s)]
    low, high = min(lows, default=0.0), max(highs, default=1.0)
    margin = 0.04 * (high - low) or abs(high) or 1.0
    return (0.0 if 0 <= low < 0.5 * high else low - margin), high + margin


def _x_range(lines: Sequence[Line]) -> Tuple[float, float]:
    xs = [x for line in lines for x in line.x]
    low, high = min(xs, default=0.0), max(xs, default=1.0)
    return (low, high) if high > low else (low - 1, low + 1)


def segments(x: Sequence[float], y: Sequence[float]) -> List[List[int]]:
    """Indices of the unbroken stretches of a curve: it breaks at wide gaps of x and where y is not a number."""
    spacings = sorted(b - a for a, b in zip(x, x[1:]))
    widest = _GAP_FACTOR * spacings[len(spacings) // 2] if spacings else math.inf
    found: List[List[int]] = []
    for i, value in enumerate(y):
        if not math.isfinite(value):
            continue
        joins = bool(found) and found[-1][-1] == i - 1 and x[i] - x[i - 1] <= widest
        if joins:
            found[-1].append(i)
        else:
            found.append([i])
    return found


def _curve(frame: Frame, line: Line) -> str:
    parts = []
    for segment in segments(line.x, line.y):
        points = [(frame.x(line.x[i]), frame.y(line.y[i])) for i in segment]
        if len(points) == 1:
            x, y = points[0]
            parts.append(
                f'<circle class="halo-dot" cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{safe_colour(line.colour)}"/>'
            )
            continue
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts.append(
            f'<path class="halo" d="{path}"/><path class="curve" d="{path}" stroke="{safe_colour(line.colour)}"/>'
        )
    return f"<g><title>{escape(line.label)}</title>{''.join(parts)}</g>"


def _band(frame: Frame, line: Line) -> str:
    parts = []
    for segment in segments(line.x, [y + s for y, s in zip(line.y, line.spread)]):
        upper = [(frame.x(line.x[i]), frame.y(line.y[i] + line.spread[i])) for i in segment]
        lower = [(frame.x(line.x[i]), frame.y(line.y[i] - line.spread[i])) for i in reversed(segment)]
        if len(segment) == 1:
            (x, top), (_, bottom) = upper[0], lower[0]
            parts.append(
                f'<path class="whisker" d="M{x:.1f} {top:.1f}V{bottom:.1f}" stroke="{safe_colour(line.colour)}"/>'
            )
            continue
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in upper + lower) + "Z"
        parts.append(f'<path class="band" d="{path}" fill="{safe_colour(line.colour)}"/>')
    return "".join(parts)


def interval_chart(rows: Sequence[IntervalRow], description: str, x_title: str) -> str:
    """Figures in [0, 1] as dots with their intervals, one row each."""
    row_height, label_width = 26, 132
    height = _TOP + row_height * len(rows) + _BOTTOM
    span = WIDTH - label_width - 20

    def place(value: float) -> float:
        return label_width + value * span

    bottom = height - _BOTTOM
    body = ""
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = place(tick)
        body += f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>'
        body += f'<text class="axis" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{100 * tick:.0f} %</text>'
    body += f'<text class="axis title" x="{place(0.5):.1f}" y="{height - 6}" text-anchor="middle">{x_title}</text>'
    for number, row in enumerate(rows):
        y = _TOP + row_height * (number + 0.5)
        label = row.label if len(row.label) <= 19 else row.label[:18] + "…"
        body += f'<text class="label" x="{label_width - 12}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>'
        if row.interval is not None:
            low, high = place(row.interval[0]), place(row.interval[1])
            body += f'<path class="interval" d="M{low:.1f} {y:.1f}H{high:.1f}"/>'
        if row.value is not None:
            x = place(row.value)
            body += f'<circle class="halo-dot" cx="{x:.1f}" cy="{y:.1f}" r="5.5" fill="{safe_colour(row.colour)}"/>'
    return _svg(height, description, body)


def _grid(frame: Frame, x_title: str, y_title: str, y_as_share: bool = False) -> str:
    """Grid lines, tick labels and axis titles of a frame."""
    right, bottom = WIDTH - _RIGHT, frame.height - _BOTTOM
    parts = []
    y_ticks = ticks(*frame.y_range, 5)
    for tick in y_ticks:
        y = frame.y(tick)
        label = f"{100 * tick:.4g} %" if y_as_share else _tick_label(tick, y_ticks)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text class="axis" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    x_ticks = ticks(*frame.x_range, 5)
    for tick in x_ticks:
        x = frame.x(tick)
        parts.append(f'<path class="tick" d="M{x:.1f} {bottom}v5"/>')
        label = _tick_label(tick, x_ticks)
        parts.append(f'<text class="axis" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{label}</text>')
    parts.append(f'<path class="base" d="M{_LEFT} {bottom}H{right}"/>')
    middle_x, middle_y = (_LEFT + right) / 2, (_TOP + bottom) / 2
    parts.append(
        f'<text class="axis title" x="{middle_x:.0f}" y="{frame.height - 7}" text-anchor="middle">'
        f"{escape(x_title)}</text>"
        f'<text class="axis title" transform="translate(11 {middle_y:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_title)}</text>"
    )
    return "".join(parts)


def _tick_label(value: float, all_ticks: Sequence[float]) -> str:
    """A tick's text with as many decimals as the distance of the ticks needs."""
    largest = max(abs(tick) for tick in all_ticks)
    if largest >= 1e5 or 0 < largest < 1e-3:
        return f"{value:.2g}"
    step = all_ticks[1] - all_ticks[0] if len(all_ticks) > 1 else largest or 1.0
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def _svg(height: int, description: str, body: str, kind: str = "chart") -> str:
    text = escape(description, quote=True)
    return (
        f'<svg class="{kind}" role="img" aria-label="{text}" viewBox="0 0 {WIDTH} {height}" '
        f'preserveAspectRatio="{"none" if kind == "bar" else "xMidYMid meet"}">{body}</svg>'
    )
