"""Images that this project draws: the demo set, training instances, simulated photos.

Everything comes from random numbers; no third-party image is in it. Read `simulated_photo` first.
"""
