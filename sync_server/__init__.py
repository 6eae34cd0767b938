"""Publishing packs and serving them; the command `edge-serve`.

Read `publishing.publish` first, then `service.app`. The HTTP route `/v1/identify` is in `answering.identify_route`.
"""
