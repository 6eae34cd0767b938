"""Names of ImageNet's classes, as far as the built-in text tower can learn them.

open_clip's list (MIT) and WordNet's synonyms, which timm holds (WordNet licence). Left out: names that two classes
share, and names with a word that is not a single token (`whole_words`), such as those of rare dogs.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from edge_identify.convert.training.material.whole_words import is_of_whole_words

if TYPE_CHECKING:
    from open_clip import SimpleTokenizer


def read_class_names(tokenizer: SimpleTokenizer) -> tuple[tuple[str, ...], ...]:
    """Return the names of each class in the order of ImageNet's classifiers, the plainest first; some have none."""
    import open_clip
    from timm.data.imagenet_info import ImageNetInfo

    synonyms = ImageNetInfo()
    named = [
        _names(plainest, synonyms.index_to_description(number, detailed=False), tokenizer)
        for number, plainest in enumerate(open_clip.IMAGENET_CLASSNAMES)
    ]
    classes_of = Counter(name for names in named for name in names)
    return tuple(tuple(name for name in names if classes_of[name] == 1) for names in named)


def _names(plainest: str, synonyms: str, tokenizer: SimpleTokenizer) -> tuple[str, ...]:
    names = dict.fromkeys(name.strip().lower() for name in (plainest, *synonyms.split(",")))
    return tuple(name for name in names if _is_plain(name) and is_of_whole_words(name, tokenizer))


def _is_plain(name: str) -> bool:
    return name.replace("-", "").replace(" ", "").isalpha()
