"""A drawn set to try everything with: street mosaics, pixel figures in tiles on walls, and photos of them.

Everything is drawn from random numbers by this project; no picture or figure of anyone else is in it.
"""

from edge_identify.datasets.demo.conformance import draw_conformance_photos
from edge_identify.datasets.demo.demo_set import DemoSet, draw_demo_set

__all__ = ["DemoSet", "draw_conformance_photos", "draw_demo_set"]
