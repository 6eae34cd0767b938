"""Records builds as runs in MLflow.

The experiment is requested before the build starts, so that a wrong address fails at once and not after ten minutes of
building. By default, MLflow's client sends usage statistics and prints addresses; both are switched off.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edge_identify.edge_runtime.errors import SetupError

if TYPE_CHECKING:
    from edge_identify.datasets.catalogue.build_history import BuildRecord

_EXPERIMENT = "edge-identify"

#: Defaults for environment variables that are not set: no usage statistics, no addresses on standard output, and a
#: timeout of seconds instead of a quarter of an hour.
_MANNERS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


def mlflow_address(asked_for: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the address of the tracking server: the option, or `MLFLOW_TRACKING_URI`; None if neither is set."""
    return asked_for or environment.get("MLFLOW_TRACKING_URI") or None


class MlflowRuns:
    """Writes runs into an experiment of a tracking server."""

    def __init__(self, address: str) -> None:
        """Find or create the experiment that `MLFLOW_EXPERIMENT_NAME` names; by default `edge-identify`.

        Args:
            address: Address of a tracking server; or of a database, if the whole of MLflow is installed.

        Raises:
            SetupError: The extra `mlflow` is not installed, or the server does not answer like MLflow.
        """
        for name, value in _MANNERS.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError as error:
            shown = _without_credentials(address)
            raise SetupError(f"MLflow at {shown}: needs its client; pip install 'edge-identify[mlflow]'") from error
        self._address = address
        # ValueError: malformed address. OSError: broken connection. ImportError: databases need the whole of MLflow.
        self._errors = (MlflowException, ValueError, OSError, ImportError)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
        try:
            self._client: Any = MlflowClient(tracking_uri=address)
            experiment = self._client.get_experiment_by_name(name)
            self._experiment_id = experiment.experiment_id if experiment else self._client.create_experiment(name)
        except self._errors as error:
            raise self._explained(error) from error

    def record(self, record: BuildRecord) -> str:
        """Write a build as a finished run, and return the run's id.

        Raises:
            SetupError: The server refuses the run.
        """
        from mlflow.entities import Metric, Param

        finished_ms = int(record.finished_utc.timestamp() * 1000)
        counts = {"references": float(record.reference_count), "pictures": float(record.picture_count)}
        metrics = [Metric(key, value, finished_ms, 0) for key, value in {**record.figures, **counts}.items()]
        parameters = [Param(key, value) for key, value in record.parameters.items()]
        tags = {"software": record.software, "data_sha256": record.data_sha256, "encoder": record.encoder}
        name = f"{record.pack_name} {record.pack_version}"
        try:
            run_id = str(self._client.create_run(self._experiment_id, run_name=name, tags=tags).info.run_id)
            self._client.log_batch(run_id, metrics=metrics, params=parameters)
            self._client.set_terminated(run_id)
        except self._errors as error:
            raise self._explained(error) from error
        return run_id

    def _explained(self, error: Exception) -> SetupError:
        reason = _without_credentials((str(error).splitlines() or [type(error).__name__])[0])[:300]
        address = _without_credentials(self._address)
        return SetupError(f"MLflow at {address}: does not take the build ({reason}); check the address")


def _without_credentials(text: str) -> str:
    """Return text without user names and passwords in its URLs."""
    return re.sub(r"//[^/\s]*@", "//", text)
