"""From a photo's file to the pixels of an encoder: decoding, EXIF, regions, preprocessing.

Read `images` first, then `preprocessing`.

`exif_position` reads where a photo was taken; `position` says what a position is.
"""
