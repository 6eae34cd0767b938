"""Images that this project draws: a demo set, things to train with, simulated photos.

Read `simulated_photo` first.
"""
