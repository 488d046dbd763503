"""Finds a program that a test needs: without it the test is skipped, or fails in CI."""

import os
import shutil

import pytest


def find_program(name: str) -> str:
    path = shutil.which(name)
    if path is not None:
        return path
    reason = f"{name} is not installed; apt-get install chromium chromium-driver"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
