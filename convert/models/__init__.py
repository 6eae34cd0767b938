"""Finds and loads dual encoders: names, families, weights, tokenizers.

Read `model_loading` first, then `model_names` and `model_families`.
"""
