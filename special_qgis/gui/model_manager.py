# SPDX-License-Identifier: GPL-2.0-or-later
"""The dialog “Models”: what is installed and known, import, download, remove, and where models are kept."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import Any, Dict, List, Optional

from qgis.core import QgsApplication, QgsSettings
from qgis.PyQt.QtCore import Qt, QUrl
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..algorithms.model_choice import FOLDER_SETTING, qgis_models_folder
from ..algorithms.proxy import qgis_proxy_url
from ..engine.errors import EngineError
from ..engine.models.download import download_model
from ..engine.models.importing import Wish, import_file
from ..engine.models.library import FOLDER_VARIABLE, SUFFIXES, remove_model
from ..engine.models.registry import UNKNOWN_HASH, ModelEntry, entry_named
from ..engine.models.tasks import list_in
from ..translation import translate
from .model_task import ModelTask, Work

_COLUMNS = 5


class ModelManager(QDialog):
    """Lists models and changes the folder of models in the background.

    Args:
        parent: Owner.
    """

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Models for SPECIAL"))
        self.task: Optional[ModelTask] = None
        self._installed: Dict[str, Dict[str, Any]] = {}
        self.table = self._make_table()
        self.folder_label = QLabel()
        self.folder_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.folder_label.setWordWrap(True)
        self.details = QLabel()
        self.details.setWordWrap(True)
        self.details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status = QLabel()
        self.status.setWordWrap(True)
        for label in (self.folder_label, self.details, self.status):  # what cards and errors say is no markup
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setRange(0, 100)
        self._make_buttons()
        self._lay_out()
        self.resize(860, 480)
        self.refresh()

    def tr(self, text: str) -> str:
        """Translate a text of this class."""
        return translate("ModelManager", text)

    def refresh(self) -> None:
        """Read the folder anew."""
        chosen = self.chosen_name()
        try:
            found = list_in(qgis_models_folder())
        except EngineError as error:
            found = {"folder": str(qgis_models_folder()), "default": "", "models": [], "known": []}
            self.status.setText(str(error))
        self.folder_label.setText(self.tr("Folder: {}").format(found["folder"]))
        rows = [self._installed_row(model, found["default"]) for model in found["models"]]
        rows += [self._known_row(entry) for entry in found["known"] if not entry["installed"]]
        self._installed = {model["name"]: model for model in found["models"]}
        self._fill(rows)
        self._choose(chosen)
        self._show_state()

    def chosen_name(self) -> str:
        """Name of the model in the chosen row; "" where none is chosen."""
        row = self.table.currentRow()
        item = self.table.item(row, 0) if row >= 0 else None
        return item.text() if item is not None else ""

    def import_path(self, path: str) -> None:
        """Import a file, as the known model that is chosen if it is not installed yet, else under a name of its own."""
        name = self.chosen_name()
        is_known = entry_named(name) is not None and name not in self._installed
        wish = Wish(name=name if is_known and self.confirm_identity(name, path) else "")
        folder = qgis_models_folder()
        self._start(self.tr("Importing {}").format(path), lambda p: import_file(Path(path), folder, wish, p))

    def download_chosen(self) -> None:
        """Download the chosen known model, or open its page where no address is known; shows its licence first."""
        entry = entry_named(self.chosen_name())
        if entry is None or not self.confirm_licence(entry):
            return
        if not entry.url:
            QDesktopServices.openUrl(QUrl(entry.page))
            self.status.setText(
                self.tr("Download {} from the page that was opened, then import it.").format(entry.file_name)
            )
            return
        folder, proxy, wish = qgis_models_folder(), qgis_proxy_url(QgsSettings()), Wish(name=entry.name)
        url = entry.url
        title = self.tr("Downloading {}").format(entry.title)
        self._start(title, lambda p: download_model(url, folder, wish, p, proxy))

    def remove_chosen(self) -> None:
        """Remove the chosen model, after a question."""
        name, folder = self.chosen_name(), qgis_models_folder()
        if name in self._installed and self.confirm_removal(name):
            self._start(self.tr("Removing {}").format(name), lambda p: remove_model(name, folder))

    def set_folder(self, path: str) -> None:
        """Keep models in another folder from now on; "" = the usual one."""
        QgsSettings().setValue(FOLDER_SETTING, path)
        self.refresh()

    def cancel(self) -> None:
        """Cancel what is going on."""
        if self.task is not None:
            self.task.cancel()

    def confirm_licence(self, entry: ModelEntry) -> bool:
        """Show licence and page of a model, and ask whether to download it."""
        text = self.tr("{}\n\nLicence: {}\nPage: {}\nSHA-256: {}\n\nDownload it?").format(
            entry.title, entry.shown_licence, entry.page, entry.sha256 or UNKNOWN_HASH
        )
        return self._ask(text)

    def confirm_identity(self, name: str, path: str) -> bool:
        """Ask whether a file is the known model that is chosen."""
        return self._ask(self.tr("Is {} the model {}? “No” imports it under a name of its own.").format(path, name))

    def confirm_removal(self, name: str) -> bool:
        """Ask whether to remove a model."""
        return self._ask(self.tr("Remove {} from disk?").format(name))

    def closeEvent(self, event: Any) -> None:
        """A task that is going on is cancelled: nobody could see how it ends."""
        if self.task is not None:
            self.task.abandon()
            self.task = None
            self.status.setText("")
        super().closeEvent(event)

    def _ask(self, text: str) -> bool:
        markup = f"<p>{escape(text)}</p>"  # else Qt guesses whether names are markup
        answer = QMessageBox.question(self, self.windowTitle(), markup)
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _start(self, title: str, work: Work) -> None:
        if self.task is not None:
            return
        self.status.setText(title + "…")
        self.task = ModelTask(title, work, self._on_end)
        self.task.progressChanged.connect(lambda percent: self.bar.setValue(int(percent)))
        self.bar.setValue(0)
        self._show_state()
        QgsApplication.taskManager().addTask(self.task)

    def _on_end(self, problem: str) -> None:
        self.task = None
        self.status.setText(problem or self.tr("Done."))
        self.refresh()

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, _COLUMNS, self)
        table.setHorizontalHeaderLabels(
            [self.tr("Model"), self.tr("Architecture"), self.tr("Size"), self.tr("Licence"), self.tr("State")]
        )
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.verticalHeader().setVisible(False)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setStretchLastSection(True)
        table.itemSelectionChanged.connect(self._show_state)
        return table

    def _make_buttons(self) -> None:
        self.import_button = QPushButton(self.tr("Import file…"))
        self.download_button = QPushButton(self.tr("Download…"))
        self.remove_button = QPushButton(self.tr("Remove…"))
        self.folder_button = QPushButton(self.tr("Other folder…"))
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.close_button = QPushButton(self.tr("Close"))
        self.import_button.clicked.connect(self._choose_file)
        self.download_button.clicked.connect(self.download_chosen)
        self.remove_button.clicked.connect(self.remove_chosen)
        self.folder_button.clicked.connect(self._choose_folder)
        self.cancel_button.clicked.connect(self.cancel)
        self.close_button.clicked.connect(self.close)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)

    def _lay_out(self) -> None:
        place = QHBoxLayout()
        place.addWidget(self.folder_label, 1)
        place.addWidget(self.folder_button)
        actions = QHBoxLayout()
        for button in (self.import_button, self.download_button, self.remove_button):
            actions.addWidget(button)
        actions.addStretch(1)
        actions.addWidget(self.bar)
        actions.addWidget(self.cancel_button)
        actions.addWidget(self.close_button)
        outer = QVBoxLayout(self)
        outer.addLayout(place)
        outer.addWidget(self.table, 1)
        outer.addWidget(self.details)
        outer.addWidget(self.status)
        outer.addLayout(actions)

    def _installed_row(self, model: Dict[str, Any], default: str) -> List[str]:
        state = self.tr("installed, taken when none is named") if model["name"] == default else self.tr("installed")
        state = self.tr("part of the plugin") if model["is_demo"] else state
        size = f"{model['size_bytes'] / 1e6:.1f} MB"
        return [model["name"], model["architecture"] or "–", size, model["licence"], state]

    def _known_row(self, entry: Dict[str, Any]) -> List[str]:
        return [entry["name"], entry["architecture"], "", entry["licence"], self.tr("not installed")]

    def _fill(self, rows: List[List[str]]) -> None:
        self.table.setRowCount(len(rows))
        for number, texts in enumerate(rows):
            for column, text in enumerate(texts):
                self.table.setItem(number, column, QTableWidgetItem(text))

    def _choose(self, name: str) -> None:
        for row in range(self.table.rowCount()):
            if self.table.item(row, 0).text() == name:
                self.table.selectRow(row)

    def _show_state(self) -> None:
        """Enable what can be done with the chosen row, and tell what is known of it."""
        name, is_busy = self.chosen_name(), self.task is not None
        model, entry = self._installed.get(name), entry_named(name)
        self.import_button.setEnabled(not is_busy)
        is_fixed = bool(os.environ.get(FOLDER_VARIABLE))
        self.folder_button.setEnabled(not is_busy and not is_fixed)
        self.folder_button.setToolTip(self.tr("Set by {}").format(FOLDER_VARIABLE) if is_fixed else "")
        self.download_button.setEnabled(not is_busy and entry is not None and model is None)
        self.remove_button.setEnabled(not is_busy and model is not None and not model["is_demo"])
        self.cancel_button.setEnabled(is_busy)
        self.bar.setVisible(is_busy)
        if model is not None:
            facts = (model["path"], model["source"], model["sha256"] or UNKNOWN_HASH)
            self.details.setText(self.tr("{}\nfrom {}\nSHA-256: {}").format(*facts))
        elif entry is not None:
            known = (entry.title, entry.file_name, entry.page, entry.sha256 or UNKNOWN_HASH)
            self.details.setText(self.tr("{}: {} from {}\nSHA-256: {}").format(*known))
        else:
            self.details.setText("")

    def _choose_file(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        title, kinds = self.tr("Import a checkpoint"), self.tr("Checkpoints ({});;All files (*)").format(patterns)
        path, _kind = QFileDialog.getOpenFileName(self, title, "", kinds)
        if path:
            self.import_path(path)

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, self.tr("Folder of models"), str(qgis_models_folder()))
        if path:
            self.set_folder(path)
