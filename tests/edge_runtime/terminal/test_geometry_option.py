"""`--verify-geometry` with and without a mode; the word after it may be a photo."""

from __future__ import annotations

import argparse

import pytest

from edge_identify.edge_runtime.cli.identify_command import identify_parser
from edge_identify.edge_runtime.search.geometry.cascade import GeometryMode
from edge_identify.edge_runtime.terminal.geometry_option import joined_geometry_mode


def parsed(*words: str) -> argparse.Namespace:
    return identify_parser().parse_args(joined_geometry_mode(words))


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        (["photo.jpg"], "auto"),
        (["photo.jpg", "--verify-geometry"], "always"),
        (["--verify-geometry", "photo.jpg"], "always"),
        (["--verify-geometry", "--json", "photo.jpg"], "always"),
        (["--verify-geometry", "never", "photo.jpg"], "never"),
        (["photo.jpg", "--verify-geometry", "auto"], "auto"),
        (["--verify-geometry=always", "photo.jpg"], "always"),
        (["--verify-geometry=never", "photo.jpg"], "never"),
    ],
)
def test_the_option_alone_means_always_and_keeps_the_photo_after_it(words: list[str], mode: str) -> None:
    options = parsed(*words)

    assert (options.verify_geometry, options.photos) == (mode, ["photo.jpg"])


def test_a_photo_named_like_a_mode_is_given_with_its_folder() -> None:
    assert parsed("--verify-geometry", "./never").photos == ["./never"]


def test_another_mode_is_refused_and_the_modes_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed("photo.jpg", "--verify-geometry=sometimes")

    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert all(mode in error for mode in GeometryMode)
