"""Captions of drawn things are true of them, and of no thing that looks otherwise."""

from __future__ import annotations

from itertools import islice

import numpy as np

from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators
from edge_identify.convert.training.material.captioned_drawings import (
    MOSAIC,
    choose_caption,
    colours_caption,
    draw_captioned,
)
from edge_identify.convert.training.material.whole_words import is_of_whole_words

THINGS = list(islice(draw_captioned(np.random.default_rng(0)), 200))


def test_each_caption_is_true_of_its_thing_and_of_whole_words() -> None:
    ensure_torchvision_operators()
    import open_clip

    tokenizer = open_clip.SimpleTokenizer()
    rng = np.random.default_rng(1)
    texts = set()
    for thing in THINGS:
        caption = choose_caption(rng, thing)
        assert thing.shows(caption), caption.text
        assert is_of_whole_words(caption.text, tokenizer), caption.text
        texts.add(caption.text)
    assert len(texts) > 100


def test_two_colours_are_true_of_mosaics_with_both_and_a_plain_colour_of_its_shades() -> None:
    caption = colours_caption(["blue", "white"])
    assert caption.text == "a blue and white mosaic"
    shown = [thing for thing in THINGS if thing.shows(caption)]
    assert 0 < len(shown) < len(THINGS) / 4
    assert all(MOSAIC in thing.looks and "white" in thing.colours for thing in shown)
    assert any("blue" not in thing.colours for thing in shown)  # dark blue or sky blue


def test_a_thing_is_drawn_the_same_each_time_and_has_its_colour() -> None:
    package = next(thing for thing in THINGS if MOSAIC not in thing.looks)
    mosaic = next(thing for thing in THINGS if MOSAIC in thing.looks)
    for thing in (package, mosaic):
        assert np.array_equal(np.asarray(thing.draw()), np.asarray(thing.draw()))
        assert thing.draw().mode == "RGB"
