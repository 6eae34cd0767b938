"""The card says what a person who was handed a pack wants to know, and nothing that changes from build to build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_identify.convert.packing.card import pack_card
from edge_identify.edge_runtime.pack.reader import read_manifest
from edge_identify.edge_runtime.pack.references import Reference


def test_the_card_tells_references_licences_encoders_and_their_fidelity(colour_pack: Callable[[], Path]) -> None:
    references = [
        Reference(id="a", name="A", licence="CC0-1.0"),
        Reference(id="b", name="B", licence="CC0-1.0", namespace="paris"),
        Reference(id="c", name="C"),
    ]

    card = pack_card(read_manifest(colour_pack()), references)

    assert card.startswith("# Four colours\n")
    assert "licences of the pictures: CC0-1.0 (2), not stated (1)" in card
    assert "namespaces: none (2), paris (1)" in card
    assert "| image | onnx-fp32 | 0.0 | ONNX opset 18 | 1.0000 | 1.0000 | - | 1.000 | - | - |" in card
    assert "- image: 1 queries, by construction" in card
