"""Calibrates a pack when it is built: measures which scores mean a known reference.

Read `photo_calibration` first (photos), then `text_calibration` (texts).
"""
