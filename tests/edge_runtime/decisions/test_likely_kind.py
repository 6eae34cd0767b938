"""The kind of thing that a photo probably shows where the thing itself is unsure."""

from __future__ import annotations

import pytest

from edge_identify.edge_runtime.decisions.likely_kind import likely_kind
from edge_identify.edge_runtime.pack.references import Reference


def carton(name: str, **labels: str) -> Reference:
    return Reference(id=name, name=name, labels=labels)


OATLY = [carton("oat", brand="Oatly"), carton("barista", brand="Oatly"), carton("milk", brand="Arla")]


def test_the_probabilities_of_references_that_share_a_label_are_added() -> None:
    kind = likely_kind(OATLY, [0.4, 0.35, 0.1])

    assert kind is not None
    assert (kind.label, kind.value) == ("brand", "Oatly")
    assert kind.probability == pytest.approx(0.75)


def test_a_kind_that_is_less_likely_than_not_is_not_said() -> None:
    assert likely_kind(OATLY, [0.2, 0.2, 0.1]) is None


def test_a_label_that_all_have_tells_nothing() -> None:
    assert likely_kind([carton("a", kind="x"), carton("b", kind="x")], [0.5, 0.4]) is None


def test_references_without_labels_have_no_kind() -> None:
    assert likely_kind([carton("a"), carton("b")], [0.9, 0.1]) is None


def test_the_most_probable_label_of_several_keys_is_said() -> None:
    references = [carton("a", brand="x", form="can"), carton("b", brand="y", form="can"), carton("c", brand="z")]

    kind = likely_kind(references, [0.4, 0.3, 0.2])

    assert kind is not None
    assert (kind.label, kind.value) == ("form", "can")
