"""Examines a pack or a catalogue for problems that would make answers wrong (`edge-build doctor`).

Read `examination` first; each `*_checks` module holds one group of checks.
"""
