"""From a server to this device.

`sync_plan` decides, `http_download` fetches, `sync_client` joins them. Read `sync_client` first.

A version is put together beside the active one and verified. It tests itself, and only then one pointer moves. A
failure at any point leaves the installed pack as it was.
"""
