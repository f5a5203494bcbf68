"""The data that the tests of this room train on, one run on one device to compare with, and ports for workers."""

import socket

import pytest
from support import draw_folder
from support.processes import train


@pytest.fixture(scope="session")
def nine(tmp_path_factory):
    """Nine training images, so that batches of four end in one of a single image; seven for validation."""
    root = draw_folder(tmp_path_factory.mktemp("data") / "nine", train=3, val=3)
    (root / "val" / "red" / "0.jpg").unlink()
    (root / "val" / "red" / "1.png").unlink()
    return root


EVENTS = {
    "input_size": 99,
    "small_input_size": 67,
    "small_fraction": 0.5,
    "network": {"lrn_across_towers": True},
    "biases_follow_schedule": False,
    "layer_rates": [{"epoch": 0.5, "layer": "conv1", "rate": 0.003}, {"epoch": 1, "layer": "conv1", "rate": 0.0}],
}


@pytest.fixture(scope="session")
def events():
    """Options of a run of small and large images, in which conv1 slows down and freezes while biases do not."""
    return EVENTS


@pytest.fixture(scope="session")
def one(nine, events, tmp_path_factory):
    """A run on one device, with events."""
    return train(nine, tmp_path_factory.mktemp("runs") / "one", "cpu:1", **events)


@pytest.fixture(scope="session")
def free_ports():
    """Find so many ports that no program uses."""

    def find(count):
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        ports = [each.getsockname()[1] for each in sockets]
        for each in sockets:
            each.close()
        return ports

    return find
