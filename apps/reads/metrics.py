"""Counters of this process, at /metrics where that is served."""

from prometheus_client import Counter

MOVES = Counter("slackclone_marker_moves", "Marker moves that came in by sockets")
REFUSED = Counter("slackclone_marker_moves_refused", "Marker moves for which there was no room")
ROWS = Counter("slackclone_marker_rows", "Marker rows written for them")
FLUSHES = Counter("slackclone_marker_flushes", "Transactions that wrote them")
FOLLOWED = Counter("slackclone_reads_records", "Records of the log that the read service has gone through")
