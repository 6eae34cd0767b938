"""Sync of packs from a server to this device.

Read `sync_client` first. `sync_plan` decides, `http_download` fetches, and `sync_client` joins them.

A new version is assembled beside the active one, verified and self-tested. Only then the pointer to the active version
is replaced. A failure at any point leaves the installed pack unchanged.
"""
