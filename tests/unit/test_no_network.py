"""Unit tests are off the network."""

import socket

import pytest


def test_a_unit_test_cannot_connect_anywhere() -> None:
    """Not even to this machine."""
    with socket.socket() as door, pytest.raises(RuntimeError, match="no connections"):
        door.connect(("127.0.0.1", 9))
