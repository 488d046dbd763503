"""Fixtures of the live tests."""

from tests.servers import mosquitto

__all__ = ["mosquitto"]
