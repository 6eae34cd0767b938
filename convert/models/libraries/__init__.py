"""Adjustments to open_clip and torchvision: their logging and missing operators."""
