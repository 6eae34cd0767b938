"""Fetches published weights, and fails fast without a network.

open_clip retries requests to the hub: 46 s if its name cannot be resolved, and again for the next file name. This
module sends one short request to the hub. If the hub does not answer, only the local cache is used.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from edge_identify.convert.models.libraries.library_logging import muted
from edge_identify.edge_runtime.errors import NetworkError

_PROBE_TIMEOUT_S = 5.0  # a slower hub will not deliver hundreds of megabytes


def fetch_published_weights(name: str, tag: str) -> Path:
    """Return the local file of published weights; download it into the hub's cache if it is not there.

    Args:
        name: open_clip's name of the model.
        tag: open_clip's name of the weights.

    Raises:
        NetworkError: The file is not cached and cannot be fetched.
    """
    import open_clip

    try:
        with muted("open_clip", "huggingface_hub"), _cache_only_if(not _hub_answers()):
            return Path(open_clip.download_pretrained(open_clip.get_pretrained_cfg(name, tag)))
    except (OSError, RuntimeError, ValueError) as error:  # the hub's errors derive from these
        raise NetworkError(
            f"{name}/{tag}: the weights could not be fetched and are not in the cache;"
            " connect, or use --pretrained FILE with a local checkpoint, or --model builtin"
        ) from error


def _hub_answers() -> bool:
    from huggingface_hub import constants

    # The standard library's client uses the proxy settings, like the hub's client, and does not retry.
    question = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    try:
        with urllib.request.urlopen(question, timeout=_PROBE_TIMEOUT_S):
            return True
    except urllib.error.HTTPError:
        return True  # an HTTP error is an answer, too
    except (OSError, ValueError, HTTPException):
        return False


@contextmanager
def _cache_only_if(offline: bool) -> Iterator[None]:
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
