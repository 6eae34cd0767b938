"""From similarities to a decision: pure functions of a photo's scores and the pack's calibration.

Read `decision` first.
"""
