"""Exports towers as Core ML packages, quantises them, and runs them on systems without Core ML.

Read `tower_to_mlpackage` first. `interpreter` runs packages in torch; `operators` holds its operators.
"""
