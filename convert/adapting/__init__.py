"""Adapting an encoder to a pack: a small matrix learnt from its references and simulated photos.

Read `adapter` first.
"""
