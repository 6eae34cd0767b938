"""The import of coremltools: the messages that are dropped, and those that are not."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings

import pytest

from edge_identify.convert.export.coreml.coremltools_library import conversion, load_coremltools


def test_a_real_warning_of_coremltools_still_comes_through(caplog: pytest.LogCaptureFixture) -> None:
    load_coremltools()
    logging.getLogger("coremltools").warning("Failed to load _MLModelProxy: no module")
    logging.getLogger("coremltools").warning("Output 'embedding' was rounded away")
    assert [record.getMessage() for record in caplog.records] == ["Output 'embedding' was rounded away"]


def test_other_warnings_pass_through_a_conversion() -> None:
    load_coremltools()
    with pytest.warns(RuntimeWarning, match="overflow"), conversion():
        warnings.warn("overflow encountered in cast", RuntimeWarning, stacklevel=1)


def test_progress_bars_come_back_after_a_conversion() -> None:
    load_coremltools()
    from coremltools.converters.mil.mil.passes import pass_pipeline

    bar = pass_pipeline.tqdm
    with conversion():
        assert pass_pipeline.tqdm is not bar
    assert pass_pipeline.tqdm is bar


def test_coremltools_loads_without_a_word_and_only_when_asked() -> None:
    code = (
        "import sys\n"
        "from edge_identify.convert.export.coreml.package_embedding import load_coremltools\n"
        "from edge_identify.convert.export.coreml.tower_to_mlpackage import export_image_tower\n"
        "from edge_identify.convert.export.coreml.coreml_quantisation import quantise_weights_to_int8\n"
        "assert not {'torch', 'coremltools'} & sys.modules.keys()\n"
        "load_coremltools()\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert (found.stdout, found.stderr) == ("", "")
