"""How long texts of this room may be."""

EMAIL_MAX = 254
NAME_MAX = 80
PASSWORD_MAX = 256
USER_AGENT_MAX = 300
