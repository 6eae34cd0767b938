"""Builds a pack from a catalogue and a model (`edge-build pack`).

Read `pack_building` first: it holds the steps. Each `pack_*` module writes one part of the pack.
"""
