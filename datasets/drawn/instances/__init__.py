"""Unlimited drawn instances for training and measurement: mosaics, posters and packages.

They come in families of look-alikes (the same figure in other colours, the same brand with another line of print),
since look-alikes are the hard part of identification. Everything is drawn from random numbers. Images from the caller
may appear on posters and packages. Read `look_alike_families` first.
"""

from edge_identify.datasets.drawn.instances.look_alike_families import (
    SIDE_PX,
    DrawnInstance,
    Kind,
    draw_families,
    draw_near_twins,
)

__all__ = ["SIDE_PX", "DrawnInstance", "Kind", "draw_families", "draw_near_twins"]
