"""How long texts of this room may be."""

NAME_MAX = 80
HANDLE_MAX = 30
GROUPS_MAX = 500
GROUP_MEMBERS_MAX = 500
DESCRIPTION_MAX = 250
