"""Bounds of this room."""

WATCHED_MAX = 500  # people whom one socket watches
PULLED_MAX = 200  # people of one REST answer
AHEAD_MAX_S = 366 * 24 * 3600  # how far ahead a status or a quiet time may end
