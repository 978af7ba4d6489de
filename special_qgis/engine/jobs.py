# SPDX-License-Identifier: GPL-2.0-or-later
"""The jobs that the engine does, by name: what the worker and the command line can run.

A job takes a configuration and a progress and gives plain values. Its module is imported only when the job is asked
for, so that one job's packages are not needed, or loaded, for another.
"""

from __future__ import annotations

import importlib
import os
from typing import Any, Callable, Dict, Mapping, NamedTuple

from . import config as config_module
from .errors import ConfigError, RuntimeMissingError
from .progress import Progress

JobFunction = Callable[[Any, Progress], Dict[str, Any]]


class Job(NamedTuple):
    """Where a job is found."""

    module: str  # relative to this package
    function: str
    config: str  # class in the module ``config``


JOBS: Mapping[str, Job] = {
    "classify": Job(".pipeline", "classify", "ClassifyConfig"),
    "scenes": Job(".campaign.run", "classify_scenes", "ScenesConfig"),
    "refine": Job(".refine.jobs", "refine_labels", "RefineJobConfig"),
    "apply_classifier": Job(".refine.jobs", "apply_classifier", "ApplyConfig"),
    "spectral_prior": Job(".pipeline", "spectral_prior", "PriorJobConfig"),
    "true_colour": Job(".true_colour", "true_colour", "TrueColourConfig"),
    "inspect_scene": Job(".pipeline", "inspect_scene", "SceneConfig"),
    "import_product": Job(".products.importing", "import_product", "ImportProductConfig"),
    "assess": Job(".accuracy.assess", "assess", "AssessConfig"),
    "areas": Job(".areas.measure", "measure_areas", "AreasConfig"),
    "list_models": Job(".models.tasks", "list_installed", "ListModelsConfig"),
    "import_model": Job(".models.tasks", "import_model", "ImportModelConfig"),
    "download_model": Job(".models.tasks", "fetch_model", "DownloadModelConfig"),
    "remove_model": Job(".models.tasks", "remove_installed", "RemoveModelConfig"),
    "check_runtime": Job(".packages", "check_runtime", "RuntimeCheckConfig"),
}


def run_job(name: str, options: Mapping[str, Any], progress: Progress) -> Dict[str, Any]:
    """Do one job.

    Args:
        name: Name of the job, a key of ``JOBS``.
        options: JSON form of the job's configuration.
        progress: Receives progress, messages and warnings.

    Returns:
        The job's result, as JSON values.

    Raises:
        ConfigError: No such job, or options that are not accepted.
        RuntimeMissingError: The interpreter lacks a package that the job needs.
        EngineError: Whatever the job raises.
        Cancelled: The listener asked to stop.
    """
    if name not in JOBS:
        raise ConfigError(f"There is no job {name!r}.", "Known jobs are: " + ", ".join(JOBS) + ".")
    # Threads of PyTorch that wait spin by default, and starve everything else on a busy machine, each other included.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    job = JOBS[name]
    config = getattr(config_module, job.config).from_json(options)
    return find_function(job)(config, progress)


def find_function(job: Job) -> JobFunction:
    """Import a job's module and give its function.

    Raises:
        RuntimeMissingError: A package outside the plugin cannot be imported.
    """
    try:
        module = importlib.import_module(job.module, __package__)
    except ImportError as error:
        if (error.name or "").startswith(__package__):
            raise  # a module of ours is missing or broken: a bug, not a matter of the interpreter
        raise RuntimeMissingError(
            f"The Python that runs the engine cannot import {error.name or 'a package'}: {error}.",
            "Run 'Check runtime' to see which packages this Python has, and 'Install runtime' for those of the network "
            "stage; NumPy and GDAL's Python package are needed by all jobs.",
        ) from error
    function: JobFunction = getattr(module, job.function)
    return function
