"""Geometric verification: a photo is compared with reference images point by point, under one perspective view.

Read `verifier` first. Points come from the pack's local-feature net; for older packs, from SIFT (extra `geometry`).
"""
