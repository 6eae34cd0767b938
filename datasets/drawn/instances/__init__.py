"""Things that never were, drawn without end: mosaics, posters and packages to learn and to measure with.

They come in families of look-alikes (same figure in other colours, same brand with another line of print),
because telling those apart is the hard part of identification. Everything is drawn from random numbers;
pictures that the caller passes in may appear on posters and packages.
"""

from edge_identify.datasets.drawn.instances.look_alike_families import (
    SIDE_PX,
    DrawnInstance,
    Kind,
    draw_families,
    draw_near_twins,
)

__all__ = ["SIDE_PX", "DrawnInstance", "Kind", "draw_families", "draw_near_twins"]
