"""From similarities to a decision: pure functions of a photo's scores and the pack's calibration.

Read `decision` first. `place_evidence` adds the photo's position, `several_photos` joins photos of one thing, and
`text_bands` rates the matches of a text. `calibration` reads the measured constants of a pack.
"""
