"""What the three commands share: exit codes, one-line errors, progress, text on a terminal.

Read `command_run` first.
"""
