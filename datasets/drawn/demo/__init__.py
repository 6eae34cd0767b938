"""A drawn set to try everything with: street mosaics, pixel figures in tiles on walls, and photos of them.

Everything is drawn from random numbers by this project; no picture or figure of anyone else is in it.
"""

from edge_identify.datasets.drawn.demo.demo_set import DemoSet, draw_demo_set
from edge_identify.datasets.drawn.demo.self_test_photos import draw_conformance_photos

__all__ = ["DemoSet", "draw_conformance_photos", "draw_demo_set"]
