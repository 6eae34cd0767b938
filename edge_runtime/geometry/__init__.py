"""Whether a photo shows the same picture as a reference, point by point: slow, sure, and only when asked for.

`points` finds what can be recognised again, `agreement` which of it lies alike in two pictures, `reranking` what that
changes in an answer, `explaining` draws it as proof. All of it needs OpenCV, the extra `[geometry]`, and a pack with
thumbnails.
"""
