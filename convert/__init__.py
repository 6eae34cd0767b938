"""Builds packs from reference images and an encoder, and examines and evaluates them.

Read `packing.pack_building` first: it holds the steps of a build.
"""
