"""The demo set: drawn street mosaics, their reference images, and simulated photos of them.

Everything is drawn from random numbers; no third-party image or design is in it. Read `demo_set` first.
"""

from edge_identify.datasets.drawn.demo.demo_set import DemoSet, draw_demo_set
from edge_identify.datasets.drawn.demo.self_test_photos import draw_conformance_photos

__all__ = ["DemoSet", "draw_conformance_photos", "draw_demo_set"]
