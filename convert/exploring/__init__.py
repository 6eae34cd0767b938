"""Looking around in a catalogue: duplicates, and search by text or image.

Read `duplicates` and `catalogue_search` first.
"""
