"""distribution.rendezvous."""

import contextlib
import re
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

from alexnet_keras.distribution.cluster import Cluster
from alexnet_keras.system.errors import InputError, RunError

WAIT_SECONDS = 600.0  # for other hosts to start
POLL_SECONDS = 1.0  # in between, signals are heard
GO = b"go"


def gather(cluster: Cluster, seconds: float = WAIT_SECONDS) -> None:
    """Wait until all hosts are there: the others report to the chief, at its address, and it sends them on together.

    TensorFlow waits by itself too, but for as long as it takes, and deaf to signals.

    Raises:
        InputError: the chief's port is taken.
        RunError: somebody did not come in time.
    """
    print(
        f"Host {cluster.index + 1} of {len(cluster.addresses)}, {cluster.addresses[cluster.index]}: waiting for others",
        file=sys.stderr,
    )
    deadline = time.monotonic() + seconds
    missing = _welcome(cluster, deadline) if cluster.is_chief else _report(cluster, deadline)
    if missing:
        names = ", ".join(cluster.addresses[number] for number in missing)
        raise RunError(f"Waited {seconds:.0f} seconds in vain for {names}; start all hosts at about the same time.")


def _welcome(cluster: Cluster, deadline: float) -> list[int]:
    """Wait for the others' reports, then let all of them go; the numbers of those that did not come."""
    address = cluster.addresses[0]
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    try:
        server = socket.create_server(("", _endpoint(address)[1]), family=family, dualstack_ipv6=dual)
    except OSError as error:
        raise InputError(f"{address} cannot be listened at ({error.strerror}); choose another port.") from error
    waiting: dict[int, socket.socket] = {}
    expected = set(range(1, len(cluster.addresses)))
    with server, contextlib.ExitStack() as connections:
        server.settimeout(POLL_SECONDS)
        while set(waiting) != expected and time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):  # nobody yet, or somebody else
                connection = connections.enter_context(server.accept()[0])
                connection.settimeout(POLL_SECONDS)
                number = int(connection.recv(16))
                if number in expected:
                    waiting[number] = connection  # the newest: a host may have been started again
        if set(waiting) == expected:
            for connection in waiting.values():
                with contextlib.suppress(OSError):
                    connection.sendall(GO)
                    connection.recv(1)  # the other side closes first, and the port is free for TensorFlow
    return sorted(expected - set(waiting))


def _report(cluster: Cluster, deadline: float) -> list[int]:
    """Tell the chief that this host is there until it says go; the chief's number if it never does."""
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),  # not there yet, or started again
            socket.create_connection(_endpoint(cluster.addresses[0]), timeout=POLL_SECONDS) as connection,
        ):
            connection.sendall(str(cluster.index).encode())
            while time.monotonic() < deadline:
                with contextlib.suppress(TimeoutError):
                    if connection.recv(len(GO)) == GO:
                        return []
                    break  # the chief has gone
        time.sleep(POLL_SECONDS / 4)
    return [0]


def _endpoint(address: str) -> tuple[str, int]:
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


def connect(cluster: Cluster) -> Any:
    """TensorFlow's strategy of a cluster, as soon as all hosts are there.

    Call it before TensorFlow computes anything.

    Raises:
        InputError: the chief's port is taken.
        RunError: somebody did not come in time.
    """
    import tensorflow as tf  # the rest of this module answers before TensorFlow is imported

    gather(cluster)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.index,
        rpc_layer="grpc",
    )
    return tf.distribute.MultiWorkerMirroredStrategy(resolver)


@contextlib.contextmanager
def noticing_loss(cluster: Cluster | None) -> Iterator[None]:
    """Say in one line that another host is gone, whatever TensorFlow calls it.

    Raises:
        RunError: a collective operation of the hosts failed.
    """
    if cluster is None:
        yield
        return
    import tensorflow as tf

    lost = (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.FailedPreconditionError,
        tf.errors.InternalError,
    )
    try:
        yield
    except lost as error:
        named = {int(number) for number in re.findall(r"/task:(\d+)", str(error))} - {cluster.index}
        addresses = " or ".join(address for number, address in enumerate(cluster.addresses) if number in named)
        raise RunError(
            f"Lost another host of this training{f' ({addresses})' if addresses else ''}; start all of them again with "
            "--resume."
        ) from error
