"""Measuring, when a pack is built, how sure its scores are."""
