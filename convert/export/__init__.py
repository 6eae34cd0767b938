"""From a loaded model to the files that devices run, each compared with the original.

Read `tower_exports` first, then `fidelity`.
"""
