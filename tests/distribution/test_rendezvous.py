"""Workers start together or say who is missing, and the loss of one is one message."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import tensorflow as tf

from alexnet_keras.distribution import rendezvous
from alexnet_keras.distribution.cluster import Cluster
from alexnet_keras.system.errors import InputError, RunError


def test_workers_wait_for_each_other_in_any_order(free_ports):
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(3))
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(rendezvous.gather, Cluster(addresses, index), 60) for index in (2, 1)]
        time.sleep(0.5)
        assert not any(future.done() for future in waiting)
        rendezvous.gather(Cluster(addresses, 0), 60)
        for future in waiting:
            future.result(60)


@pytest.mark.parametrize(("index", "missing"), [(0, "127.0.0.1:{1}, 127.0.0.1:{2}"), (1, "127.0.0.1:{0}")])
def test_missing_workers_are_named(index, missing, free_ports):
    ports = free_ports(3)
    cluster = Cluster(tuple(f"127.0.0.1:{port}" for port in ports), index)
    with pytest.raises(
        RunError, match=f"{missing.format(*ports)} did not start within 1 seconds; start all workers at"
    ):
        rendezvous.gather(cluster, 1)


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("", 0)) as other:
        cluster = Cluster((f"127.0.0.1:{other.getsockname()[1]}", "127.0.0.1:1"), 0)
        with pytest.raises(InputError, match="127.0.0.1:[0-9]+ cannot be listened at .*; choose another port"):
            rendezvous.gather(cluster, 1)


@pytest.mark.parametrize(("message", "name"), [("on /job:worker/task:1", r" \(b:2\)"), ("", "")])
def test_an_error_of_tensorflow_names_the_lost_worker(message, name):
    cluster = Cluster(("a:1", "b:2"), 0)
    lost = f"Another worker of this training is lost{name}; start all workers again with `resume=True`"
    with pytest.raises(RunError, match=lost), rendezvous.noticing_loss(cluster):
        raise tf.errors.UnavailableError(None, None, message)
    with pytest.raises(tf.errors.UnavailableError), rendezvous.noticing_loss(None):
        raise tf.errors.UnavailableError(None, None, message)
