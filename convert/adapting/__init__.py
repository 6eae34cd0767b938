"""Adapts an encoder to a pack with a linear map, learnt from reference images and simulated photos.

Read `adapter` first, then `adapter_learning`.
"""
