"""The best that a search can do for mistyped names, on names whose odds can be counted."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import typing_limits

    return typing_limits


def test_the_errors_of_a_name_have_the_odds_of_drawing_them(limits: ModuleType) -> None:
    made = limits.typing_errors("a1")

    assert sum(made.values()) == pytest.approx(1)
    assert made["a"] == pytest.approx(made["1"]) == pytest.approx(made["1a"])
    assert "a1" not in made
    assert "A1" not in made


def test_codes_that_are_equally_near_share_the_places(limits: ModuleType) -> None:
    codes = [f"X_1{at}" for at in range(10)]

    chances = limits.best_chances(dict.fromkeys(codes, "X_1"), depth=3)

    assert all(chance == pytest.approx(2 / 9 if code != "X_11" else 1) for code, chance in chances.items())


def test_another_name_that_is_typed_exactly_takes_a_place(limits: ModuleType) -> None:
    assert limits.best_chances({"X_1": "X_2", "X_2": "X_2 "}, depth=1) == {"X_1": 0.0, "X_2": 1.0}
