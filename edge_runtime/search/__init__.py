"""From a photo or a text to an answer: embed, search, look up, decide.

Read `identifier` first, then `reference_finder`.
"""
