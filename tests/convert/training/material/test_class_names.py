"""ImageNet's classes have names that the tower can learn, and no name means two classes."""

from __future__ import annotations

from collections import Counter

from edge_identify.convert.models.libraries.torchvision_operators import ensure_torchvision_operators
from edge_identify.convert.training.material.class_names import read_class_names
from edge_identify.convert.training.material.whole_words import is_of_whole_words, words_in


def test_most_classes_have_a_name_of_whole_words_and_no_name_is_shared() -> None:
    ensure_torchvision_operators()
    import open_clip

    tokenizer = open_clip.SimpleTokenizer()
    names = read_class_names(tokenizer)
    assert len(names) == 1000
    assert sum(bool(of_class) for of_class in names) > 650
    assert names[954] == ("banana",)
    assert "great white shark" in names[2]
    counts = Counter(name for of_class in names for name in of_class)
    assert set(counts.values()) == {1}
    assert all(is_of_whole_words(name, tokenizer) for name in counts)
    assert not is_of_whole_words("asdfgh", tokenizer)
    assert words_in(["a T-shirt", "a cat"], tokenizer) == ("a", "cat", "shirt", "t")
