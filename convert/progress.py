"""Progress of long steps. The export of a large model takes minutes."""

from edge_identify.edge_runtime.io.progress import Counted, Progress, during, no_progress
from edge_identify.edge_runtime.terminal.step_progress import shown_progress

__all__ = ["Counted", "Progress", "during", "no_progress", "shown_progress"]
