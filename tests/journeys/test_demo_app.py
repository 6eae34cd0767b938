"""The demo's picture of the web app: where something is missing for it, the demo says what."""

from __future__ import annotations

import shutil

import demo_app
import pytest


def test_without_node_the_demo_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    assert (demo_app.what_is_missing() or "").startswith("node is not installed")


def test_without_the_files_of_make_web_the_demo_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(demo_app, "WEB_FOLDER", tmp_path_factory.mktemp("web"))

    assert (demo_app.what_is_missing() or "").endswith("run `make web`")
