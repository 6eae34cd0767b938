"""Evaluates a pack on photos whose answer is known (`edge-build evaluate`).

Read `evaluation` first, then `evaluation_figures`.
"""
