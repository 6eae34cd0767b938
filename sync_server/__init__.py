"""Publishing packs and serving them. Read `publishing.publish` first, then `service.app`.

The route `/v1/identify` lies in `answering.identify_routes`.
"""
