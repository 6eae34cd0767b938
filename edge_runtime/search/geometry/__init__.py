"""Comparing a photo with a reference point by point (SIFT and a homography). Read `verifier` first.

It needs OpenCV, the extra `[geometry]`, and a pack with thumbnails.
"""
