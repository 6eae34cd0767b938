"""The service's logs say nothing of the photos that clients send."""

from __future__ import annotations

import io
import json
import logging

import pytest
from PIL import Image

from edge_identify.edge_runtime.photos.images import decode_image
from edge_identify.sync_server.service.json_logs import json_logs


def _doubtful(name: str) -> None:
    image = Image.linear_gradient("L").convert("RGBA")
    image.putalpha(0)
    file = io.BytesIO()
    image.save(file, "PNG")
    decode_image(file.getvalue(), name=name)


def test_a_doubt_about_a_clients_photo_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    with json_logs("info"):
        logging.getLogger("edge_identify.sync_server").warning("an event")
        _doubtful("holiday-with-anna.png")

    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "an event"


def test_after_the_service_a_doubt_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    with json_logs("info"):
        pass
    _doubtful("told.png")

    assert "told.png: declares every pixel transparent" in caplog.text
