"""The demo town."""

from collections import Counter

import numpy as np
import pytest

from edge_identify.datasets.drawn.demo.town import SHARED, UNIQUE, people_town


@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_a_town_has_the_number_of_mosaics_that_was_asked_for(count: int) -> None:
    town = people_town(np.random.default_rng(0), count, id_prefix="m")
    assert [one.id for one in town] == [f"m-{number:03d}" for number in range(1, count + 1)]


def test_mosaics_that_share_a_design_say_so() -> None:
    town = people_town(np.random.default_rng(0), 60, id_prefix="m")
    sizes = Counter(id(one.mosaic.figure) for one in town)
    assert all(one.kind == (SHARED if sizes[id(one.mosaic.figure)] > 1 else UNIQUE) for one in town)
    assert 8 <= sum(one.kind == SHARED for one in town) <= 40


def test_names_say_what_is_seen_and_places_are_on_the_globe() -> None:
    for one in people_town(np.random.default_rng(1), 20, id_prefix="m"):
        assert one.name.startswith(one.design)
        assert one.mosaic.body in one.name
        assert one.name.endswith(str(one.mosaic.wall.kind))
        assert -90 <= one.latitude <= 90
        assert -180 <= one.longitude <= 180
