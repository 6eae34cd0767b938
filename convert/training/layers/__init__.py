"""Layers and losses of the built-in encoder while it learns."""
