"""What the look-alikes of an ambiguous answer have in common."""

from edge_identify.edge_runtime.decisions.look_alikes import compare_look_alikes
from edge_identify.edge_runtime.pack.references import Reference


def test_only_what_all_of_them_share_is_said() -> None:
    first = Reference(id="a", name="A", namespace="shop", labels={"label": "milk", "fat": "3 %"})
    second = Reference(id="b", name="B", namespace="shop", labels={"label": "milk", "fat": "1 %"})
    third = Reference(id="c", name="C", namespace="depot", labels={"label": "milk"})

    two, three = compare_look_alikes([first, second]), compare_look_alikes([first, second, third])

    assert (two.namespace, dict(two.labels)) == ("shop", {"label": "milk"})
    assert (three.namespace, dict(three.labels)) == ("", {"label": "milk"})
    assert three.references == (first, second, third)
