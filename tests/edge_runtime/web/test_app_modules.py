"""The app's JavaScript under node: its own tests and its types. Skipped, and said so, without node or npm's files."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from edge_identify.sync_server.delivery.web_app_files import WEB_FOLDER

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="the app's JavaScript is not tried: no node")
_TSC = WEB_FOLDER / "node_modules/typescript/bin/tsc"


def test_the_apps_modules_pass_their_own_tests() -> None:
    tests = sorted(map(str, (WEB_FOLDER / "app/tests").glob("*.test.js")))
    run = subprocess.run(["node", "--test", *tests], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout


@pytest.mark.slow
@pytest.mark.skipif(not _TSC.exists(), reason="types of the JavaScript are not checked: run `make web`")
def test_the_types_of_the_javascript_are_right() -> None:
    words = ["node", str(_TSC), "--project", str(WEB_FOLDER / "tsconfig.json")]
    run = subprocess.run(words, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout
