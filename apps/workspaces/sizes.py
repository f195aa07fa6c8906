"""How long texts of this room may be."""

NAME_MAX = 80
HANDLE_MAX = 30
