"""From a pack's folder to the static tree that devices download from, in a folder or a bucket.

Read `publish` first.
"""
