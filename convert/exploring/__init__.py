"""Explores a catalogue without a pack: duplicates, and search by text or image.

Read `duplicates` (`edge-build duplicates`) and `catalogue_search` (`edge-build search`) first.
"""
