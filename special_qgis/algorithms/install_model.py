# SPDX-License-Identifier: GPL-2.0-or-later
"""Brings a checkpoint into the folder of models: a file, or a download."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterFile,
    QgsProcessingParameterString,
)

from ..engine.errors import Cancelled, ConfigError, EngineError
from ..engine.files.data_folder import expand_home, is_file
from ..engine.models.download import download_model
from ..engine.models.importing import Wish, import_file
from ..engine.models.library import InstalledModel
from ..engine.models.registry import REGISTRY, UNKNOWN_HASH, ModelEntry, entry_named
from ..engine.models.transfer import check_url
from .model_choice import qgis_models_folder
from .parameter_kinds import choice, helped
from .parameter_values import choice_value, string_value
from .running import listening
from .setup_base import DownloadingAlgorithm

OTHER_MODEL = "other"  # first choice of MODEL: whatever FILE or URL holds


class InstallModel(DownloadingAlgorithm):
    """Imports or downloads a checkpoint."""

    def name(self) -> str:
        """Permanent id."""
        return "installmodel"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Install model")

    def tags(self) -> list[str]:
        """Words that find the algorithm in the toolbox."""
        return self.tr("model,checkpoint,weights,clip,open_clip,remoteclip,download,import,offline,setup").split(",")

    def shortDescription(self) -> str:
        """One sentence, shown as tool tip."""
        return self.tr("Brings a checkpoint of CLIP, or of an upsampler, into the folder of models.")

    def description(self) -> str:
        """What the algorithm does."""
        known = [f"{entry.name} – {entry.title}, licence: {entry.shown_licence}, {entry.page}" for entry in REGISTRY]
        text = self.tr(
            "Copies a checkpoint from a file, or downloads it through the proxy that is set in QGIS, checks it and "
            "keeps it in the folder of models, where all versions of the plugin find it. Nothing in a file is ever "
            "run: safetensors, files of torch.save and OpenAI's archives are read without it. This is the only place "
            "where the plugin downloads a model; making maps never does.\n"
            "Models have licences of their own. Known models:"
        )
        return "\n".join([text, *known])

    def initAlgorithm(self, configuration: Optional[Mapping[str, Any]] = None) -> None:
        """Declare parameters and outputs."""
        self.addParameter(
            helped(
                choice("MODEL", self.tr("Model"), [OTHER_MODEL, *(entry.name for entry in REGISTRY)], OTHER_MODEL),
                self.tr(
                    "A known model is downloaded from its page when neither file nor address is given. other: any "
                    "file that open_clip can load."
                ),
            )
        )
        self.addParameter(
            helped(
                QgsProcessingParameterFile("FILE", self.tr("Checkpoint on this machine"), optional=True),
                self.tr("A .safetensors, .pt, .pth, .bin or .ckpt file. It is copied; the original stays where it is."),
            )
        )
        self._add_text("URL", self.tr("Address to download from"), self.tr("Begins with https://."), advanced=False)
        self._add_text(
            "SHA256",
            self.tr("SHA-256 that the file must have"),
            self.tr("64 hexadecimal digits. Empty: that of the known model, where it is known; else the file's own "
                    "is recorded now, and the file must keep it."),
        )  # fmt: skip
        self._add_text(
            "NAME",
            self.tr("Name to call it by"),
            self.tr("Letters, digits, “.”, “_” and “-”. Empty: that of the known model, else made from the file's."),
        )
        self._add_text(
            "ARCHITECTURE",
            self.tr("Architecture"),
            self.tr("Name of it in open_clip, such as ViT-B-16 or ViT-B-16-quickgelu. Empty: told from the file."),
        )
        self._add_text(
            "LICENCE", self.tr("Licence"), self.tr("To remember with the model. Empty: that of the known model.")
        )
        for name, label in (("NAME", self.tr("Name")), ("PATH", self.tr("Path")), ("SHA256", self.tr("SHA-256"))):
            self.addOutput(QgsProcessingOutputString(f"MODEL_{name}", label))
        self.addOutput(QgsProcessingOutputString("MODEL_LICENCE", self.tr("Licence")))

    def _add_text(self, name: str, label: str, text: str, advanced: bool = True) -> None:
        self.addParameter(helped(QgsProcessingParameterString(name, label, optional=True), text, advanced=advanced))

    def find_problem(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> str:
        """Sources that are missing or contradict each other."""
        file, url = (string_value(self, parameters, name, context) for name in ("FILE", "URL"))
        entry = entry_named(choice_value(self, parameters, "MODEL", context))
        if file and url:
            return self.tr("FILE and URL cannot both be given. Leave one of them empty.")
        if url:
            check_url(url)
        if file and not is_file(expand_home(file)):
            return self.tr("There is no file {}. Give the path of a checkpoint in FILE.").format(file)
        if not (file or url or entry):
            return self.tr("Nothing to install. Give a FILE or a URL, or choose a known MODEL.")
        if not (file or url) and entry is not None and not entry.url:
            return self.tr(
                "{} has no address that is known for certain. Download {} from {} and give it in FILE."
            ).format(entry.title, entry.file_name, entry.page)
        self._wish(parameters, context, entry)
        return ""

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        """Import or download."""
        try:
            problem = self.find_problem(parameters, context)  # a script may not have asked
            if problem:
                raise ConfigError(problem)
            model = self._install(parameters, context, feedback)
        except Cancelled as error:
            raise QgsProcessingException(
                self.tr("Cancelled; no model was installed. A download goes on from here when it is run again.")
            ) from error
        except EngineError as error:
            raise QgsProcessingException(str(error)) from error
        feedback.pushInfo(self.tr("{}: {}, in {}").format(model.name, model.architecture, model.path))
        feedback.pushInfo(self.tr("Licence: {}").format(model.shown_licence))
        return {
            "MODEL_NAME": model.name,
            "MODEL_PATH": str(model.path),
            "MODEL_SHA256": model.wanted_sha256,
            "MODEL_LICENCE": model.shown_licence,
        }

    def _install(
        self, parameters: Mapping[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> InstalledModel:
        file, url = (string_value(self, parameters, name, context) for name in ("FILE", "URL"))
        entry = entry_named(choice_value(self, parameters, "MODEL", context))
        wish = self._wish(parameters, context, entry)
        if entry is not None:
            feedback.pushInfo(
                self.tr("{}. Licence: {}. Page: {}. SHA-256: {}.").format(
                    entry.title, entry.shown_licence, entry.page, entry.sha256 or UNKNOWN_HASH
                )
            )
        if file:
            with listening(feedback) as progress:
                return import_file(expand_home(file), qgis_models_folder(), wish, progress)
        address = url or (entry.url if entry is not None else "")
        with listening(feedback) as progress:
            return download_model(address, qgis_models_folder(), wish, progress, self.proxy)

    def _wish(self, parameters: Mapping[str, Any], context: QgsProcessingContext, entry: Optional[ModelEntry]) -> Wish:
        """What the user says about the model; a known one keeps its hash under another name too."""
        texts = {name: string_value(self, parameters, name, context) for name in ("NAME", "SHA256", "ARCHITECTURE")}
        return Wish(
            name=texts["NAME"] or (entry.name if entry is not None else ""),
            sha256=texts["SHA256"] or (entry.sha256 or "" if entry is not None else ""),
            architecture=texts["ARCHITECTURE"],
            licence=string_value(self, parameters, "LICENCE", context),
        )
