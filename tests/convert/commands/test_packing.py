"""`edge-build pack` from its words: what is wrong with an option is said before anything is read."""

from __future__ import annotations

import pytest

from edge_identify.convert.commands import main


@pytest.mark.parametrize(
    ("views", "said"),
    [
        ("1,1,1", "has a share twice"),
        ("0.7,1,0.70", "has a share twice"),
        ("1,2", "is not a list of up to"),
        ("", "is not a list of up to"),
        ("1,nan", "is not a list of up to"),
    ],
)
def test_views_that_say_nothing_are_wrong_usage(views: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["pack", "--catalogue", "none", "--name", "none", "--out", "none", "--photo-views", views])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err
