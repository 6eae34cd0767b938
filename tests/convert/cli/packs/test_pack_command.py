"""`edge-build pack` from its words: what is wrong with an option is said before anything is read."""

from __future__ import annotations

import pytest
import torch

from edge_identify.convert.cli.main import main

pytestmark = pytest.mark.usefixtures("few_photos")


@pytest.mark.parametrize(
    ("views", "said"),
    [
        ("1,1,1", "holds a share twice"),
        ("0.7,1,0.70", "holds a share twice"),
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


@pytest.mark.parametrize("size", ["0", "-1", "five", "1000000000", "2.5"])
def test_a_batch_size_that_is_none_is_wrong_usage(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["pack", "--catalogue", "none", "--name", "none", "--out", "none", "--batch-size", size])

    assert ended.value.code == 2
    assert "is not a number from 1 to" in capsys.readouterr().err


def test_a_device_that_this_machine_lacks_is_told_with_those_it_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert main(["pack", "--catalogue", "none", "--name", "none", "--out", "none", "--device", "cuda"]) == 8
    said = capsys.readouterr().err
    assert "--device cuda: torch" in said
    assert "available: cpu" in said
