"""From a photo's file to the pixels of an encoder: decoding, EXIF, regions, preprocessing.

Read `images` (decoding) first, then `preprocessing`. `prepared_photos` joins the two. `position` holds the type
`Position`; `exif_position` reads one from a photo's EXIF.
"""
