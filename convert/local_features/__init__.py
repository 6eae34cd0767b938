"""The local-feature net: its architecture and weights, its export, and the descriptors of reference images.

Read `feature_net` first.
"""
