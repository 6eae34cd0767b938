"""Weights of models: local files, downloads, licences, random weights, folding of branches.

Read `weights_files` first.
"""
