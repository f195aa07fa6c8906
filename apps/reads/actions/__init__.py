"""What moves markers, and what follow-up work does to counts."""

from apps.reads.actions.move_marker import mark_all_read, move_known_marker, move_marker, move_marker_now
from apps.reads.actions.step_back import step_back

__all__ = ["mark_all_read", "move_known_marker", "move_marker", "move_marker_now", "step_back"]
