"""Pages at the widths of a phone and of a laptop, in a real browser. Skipped without Chromium or npm's files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from example_outcomes import make_outcome

from edge_identify.convert.evaluating.evaluation import Evaluation
from edge_identify.convert.evaluating.evaluation_figures import report_figures
from edge_identify.convert.reporting.report_images import ReportImages
from edge_identify.convert.reporting.report_page import ReportPart, report_page
from edge_identify.edge_runtime.answers.html_report import HtmlReport, page_file
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.sync_server.delivery.web_app_files import WEB_FOLDER
from edge_identify.sync_server.publishing.publish import publish
from example_answers import ANSWERED_BY, CAT, decided
from live_service import live
from service_packs import write_service_pack

_SCRIPT = Path(__file__).parent / "support/page_layout.mjs"
_NEEDED = {
    "node": shutil.which("node"),
    "Chromium": Path(os.environ.get("EDGE_IDENTIFY_CHROMIUM", "/usr/bin/chromium")).exists(),
    "npm's files (run `make web`)": (WEB_FOLDER / "node_modules/playwright-core").exists(),
}
_MISSING = [name for name, is_there in _NEEDED.items() if not is_there]

pytestmark = pytest.mark.skipif(
    bool(_MISSING), reason=f"pages are not looked at in a browser: no {', no '.join(_MISSING)}"
)

_LONG = "A place with a rather long name (North, behind the station)"


@pytest.mark.slow
def test_no_page_is_wider_than_a_screen_and_no_word_is_broken(tmp_path: Path) -> None:
    pack = write_service_pack(tmp_path / "pack")
    publish(pack, tmp_path / "repo", now_utc=datetime(2026, 1, 31, tzinfo=UTC))
    own = [_report(tmp_path).as_uri(), _answers(tmp_path).as_uri()]
    with live("--repo", str(tmp_path / "repo")) as service:
        found = _look([f"{service.url}/", f"{service.url}/docs", *own])

    assert len(found) == 4
    for page, by_width in found.items():
        assert set(by_width) == {"390", "1280"}
        for width, seen in by_width.items():
            assert seen["wider"] <= 0, f"{page} at {width} px"
            assert seen["broken"] == [], f"{page} at {width} px"


def _look(pages: list[str]) -> dict[str, dict[str, Any]]:
    words = ["node", str(_SCRIPT), str(WEB_FOLDER / "package.json"), *pages]
    found: dict[str, dict[str, Any]] = json.loads(subprocess.check_output(words, timeout=60))
    return found


def _report(folder: Path) -> Path:
    outcomes = tuple(
        make_outcome(
            shows, nearest, decision=decision, confidence=0.8, photo="photos/IMG_20260131_101500.jpg", kind=_LONG
        )
        for shows, nearest, decision in (
            ("a", "a", "identified"),
            ("b", "c", "probably"),
            ("c", "c", "ambiguous"),
            ("", "a", "unknown"),
        )
    )
    part = ReportPart(
        title="Street art of a long-named city",
        about="letters 1.0.0",
        figures=report_figures(Evaluation(outcomes=outcomes, left_out=(), answer_ms=1.0), columns=["kind"])
        | {"pack": {"false_accept_rate": 0.02}},
        names={"a": _LONG, "b": _LONG, "c": _LONG},
        images=ReportImages({}),
        left_out=["photos/broken.jpg: is not an image"],
    )
    path = folder / "evaluation.html"
    path.write_text(report_page("Report", [part]), encoding="utf-8")
    return path


def _answers(folder: Path) -> Path:
    path = folder / "answers.html"
    with page_file(path) as file, HtmlReport(file, ANSWERED_BY, {}, folder) as page:
        for decision in Decision:
            page.show(decided(decision, CAT))
        page.finish()
    return path
