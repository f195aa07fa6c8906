from __future__ import annotations

from .instance import Services, ServiceUnavailable

__all__ = ["ServiceUnavailable", "Services"]
