"""Measuring, when a pack is built, what its scores mean. Read `photo_calibration` first."""
