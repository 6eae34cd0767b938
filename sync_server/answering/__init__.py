"""HTTP answers from open packs: `/v1/identify`, `/v1/search`, `/v1/embed/...`, `/v1/packs`.

Read `identify_route` first, then `engine_pool` and `pack_engine`.
"""
