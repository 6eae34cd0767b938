"""Answering requests from packs held open: `/v1/identify`, `/v1/search`, `/v1/packs`.

Read `identify_routes` first, then `engine_pool`.
"""
