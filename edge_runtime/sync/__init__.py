"""From a server to this device: `plan` decides, `address` and `http` fetch, `client` joins them.

A newcomer would fetch into place. Here a version is put together beside the active one, every byte is
checked, the pack tests itself on this device, and only then one pointer moves (`store`). A failure at any
point leaves the installed pack as it was.
"""
