# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from typing import List, Tuple

import pytest

from special_qgis.engine.errors import Cancelled, EngineError
from special_qgis.engine.progress import NullProgress, RecordingProgress, ReportOnce, SubProgress, check_cancelled


class _Log:
    def __init__(self, cancelled: bool = False) -> None:
        self.reports: List[Tuple[float, str]] = []
        self.texts: List[str] = []
        self.cancelled = cancelled

    def report(self, fraction: float, message: str = "") -> None:
        self.reports.append((fraction, message))

    def info(self, text: str) -> None:
        self.texts.append(f"info {text}")

    def warn(self, text: str) -> None:
        self.texts.append(f"warn {text}")

    def is_cancelled(self) -> bool:
        return self.cancelled


def test_sub_progress_nested_stays_inside_its_part_and_never_goes_back() -> None:
    log = _Log()
    inner = SubProgress(SubProgress(log, 0.5, 1.0), 0.0, 0.5)
    for fraction in (0.5, 0.2, 1.0, 7.0):
        inner.report(fraction, "at work")
    assert [fraction for fraction, _ in log.reports] == pytest.approx([0.625, 0.625, 0.75, 0.75])
    assert log.reports[0][1] == "at work"


def test_recording_progress_same_warning_twice_is_kept_once() -> None:
    log = _Log()
    recording = RecordingProgress(log)
    recording.warn("few bands")
    SubProgress(recording, 0, 1).warn("few bands")
    recording.info("done")
    assert recording.warnings == ["few bands"]
    assert log.texts == ["warn few bands", "info done"]


def test_check_cancelled_raises_what_no_engine_error_handler_catches() -> None:
    check_cancelled(NullProgress())
    with pytest.raises(Cancelled) as caught:
        check_cancelled(RecordingProgress(SubProgress(_Log(cancelled=True), 0, 1)))
    assert not isinstance(caught.value, EngineError)


def test_report_once_passes_each_information_on_once_and_the_rest_always() -> None:
    log = _Log()
    once = ReportOnce(log)
    for _ in range(2):
        once.info("few pixels")
        once.report(0.5, "half")
    once.info("other")
    assert log.texts == ["info few pixels", "info other"]
    assert log.reports == [(0.5, "half"), (0.5, "half")]
