"""Fetching pictures from other people's servers: many at once, politely, once, and from public addresses only.

urllib3 does the talking: it is what `sync` uses, it keeps connections, and it lets the socket be made by us, so that
the address that was checked is the one that is connected to. httpx resolves inside its transport, out of reach.
"""
