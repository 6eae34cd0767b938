"""The exit code of a run of `edge-identify`, from its decisions."""

from __future__ import annotations

from edge_identify.edge_runtime.answers.tally import Tally
from edge_identify.edge_runtime.decisions.decision import Decision
from edge_identify.edge_runtime.terminal.exit_codes import ExitCode

_EXIT_CODES = {
    Decision.IDENTIFIED: ExitCode.DONE,
    Decision.PROBABLY: ExitCode.PROBABLY,
    Decision.UNKNOWN: ExitCode.UNKNOWN,
    Decision.AMBIGUOUS: ExitCode.AMBIGUOUS,
    None: ExitCode.DONE,
}


def exit_code_of(tally: Tally, *, is_single: bool) -> ExitCode:
    """Return what a run ends with.

    Args:
        tally: All that came of it.
        is_single: Whether one answer was asked for, to a photo by its name or to several of the same thing: then its
            decision is the code. Of several the decisions differ, and the code says only whether all were answered.
    """
    if not tally.answered:
        return ExitCode.PHOTO
    if is_single:
        (decision,) = tally.decisions
        if _EXIT_CODES[decision] is not ExitCode.DONE:
            return _EXIT_CODES[decision]
    return ExitCode.SOME_SKIPPED if tally.skipped else ExitCode.DONE
