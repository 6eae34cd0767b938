"""The words that the built-in text tower knows: the device and `edge-build search` agree."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from edge_identify.convert.builtin import TEXT_VOCABULARY
from edge_identify.convert.exploring.known_words import known_and_unknown, some_known_things
from edge_identify.convert.export.towers import embed, text_tower
from edge_identify.convert.models.model_loading import load_model
from edge_identify.convert.models.model_names import BUILTIN
from edge_identify.edge_runtime.encoders.known_words import KnownWords
from edge_identify.edge_runtime.encoders.tokenizers.tokenizer import make_tokenizer

STRANGE = ("asdfgh", "avocado", "zzz", "dogs", "catt", "asdft", "t", "東京", "🍕")


def test_the_device_knows_the_words_that_the_maker_s_machine_knows() -> None:
    model = load_model(BUILTIN)
    assert model.tokenizer is not None
    tower = text_tower(model)

    class Encoder:
        variant_name = "torch"

        def embed(self, batch: NDArray[np.uint8] | NDArray[np.int64]) -> NDArray[np.float32]:
            return embed(tower, batch)

    device = KnownWords(Encoder(), make_tokenizer(model.tokenizer.data, model.tokenizer.spec, where="t"))
    things = [word for thing in some_known_things() for word in re.findall(r"\w+", thing)]
    words = [*dict.fromkeys([*things, *STRANGE])]
    maker = known_and_unknown(" ".join(words), model, model.tokenizer)

    told = [device.known_and_unknown(words[at : at + 20]) for at in range(0, len(words), 20)]
    known = [word for part, _ in told for word in part]
    assert not device.are_all
    assert {"dog", "mountain", "dress"} <= set(known)
    assert set(TEXT_VOCABULARY.read_text().split()) >= set(known)
    assert [word for word in words if word in maker.known] == known
    assert {"asdfgh", "avocado", "zzz", "dogs", "catt"}.isdisjoint(known)
