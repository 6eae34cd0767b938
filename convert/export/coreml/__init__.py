"""Towers as Core ML packages: export, quantisation, and an interpreter for other systems.

Read `tower_to_mlpackage` first.
"""
