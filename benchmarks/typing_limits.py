"""The best that any search can do for names with a typing error: an order that knows how the errors were drawn.

A code such as PA_823 has dozens of other codes one digit away. No search can tell them apart, so a figure below this
limit is a fault of the search, and one at the limit is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from string import ascii_lowercase, digits

from edge_identify.edge_runtime.search.words.folding import folded, joined

_EQUAL = 1e-9  # probabilities that differ less are equal


def typing_errors(name: str) -> dict[str, float]:
    """Return each text that one typing error makes of a name, with its probability.

    The errors are as likely as `words.with_typing_error` draws them: a sign left out, one too many, another one, or two
    swapped; letters are mistaken for letters, digits for digits.
    """
    made: defaultdict[str, float] = defaultdict(float)
    for at in range(len(name)):
        signs = digits if name[at].isdigit() else ascii_lowercase
        made[name[:at] + name[at + 1 :]] += 1
        made[name[:at] + name[at : at + 2][::-1] + name[at + 2 :]] += 1
        for sign in signs:
            made[name[:at] + sign + name[at:]] += 1 / len(signs)
            made[name[:at] + sign + name[at + 1 :]] += 1 / len(signs)
    usable = {text: weight for text, weight in made.items() if text.strip() and text.lower() != name.lower()}
    together = sum(usable.values())
    return {text: weight / together for text, weight in usable.items()}


def best_chances(typed: Mapping[str, str], *, depth: int) -> dict[str, float]:
    """Return by name the chance that it is among the first, in the best possible order.

    A name that is typed exactly goes first, since an exact name must. Equally probable names come in random order.

    Args:
        typed: By name, what was typed instead.
        depth: How many first ones count.
    """
    sources: dict[str, dict[str, float]] = defaultdict(dict)
    for name in typed:
        for text, probability in typing_errors(name).items():
            sources[text][name] = probability
    exact = {joined(folded(name)): name for name in typed}
    return {name: _chance(name, sources[text], exact.get(joined(folded(text))), depth) for name, text in typed.items()}


def _chance(name: str, likely: Mapping[str, float], exact: str | None, depth: int) -> float:
    if exact == name:
        return 1.0
    own = likely[name]
    others: Sequence[float] = [each for other, each in likely.items() if other not in (name, exact)]
    free = depth - (exact is not None) - sum(each > own + _EQUAL for each in others)
    equal = 1 + sum(abs(each - own) <= _EQUAL for each in others)
    return min(1.0, max(0, free) / equal)
