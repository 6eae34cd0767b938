"""Geometric verification: a photo is compared with a reference point by point (SIFT and a homography).

Read `verifier` first. It needs OpenCV (extra `geometry`) and a pack with thumbnails.
"""
