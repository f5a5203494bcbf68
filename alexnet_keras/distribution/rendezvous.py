"""Workers wait for each other before a training, and notice if one of them is lost."""

import contextlib
import os
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

from alexnet_keras.distribution.cluster import Cluster
from alexnet_keras.system.columns import print_message
from alexnet_keras.system.errors import InputError, RunError

WAIT_SECONDS = 600.0  # for other workers to start
POLL_SECONDS = 1.0  # signals are handled in between
GO = b"go"


def gather(cluster: Cluster, seconds: float = WAIT_SECONDS) -> None:
    """Wait until all workers have started: the others report to the chief, which lets all of them start together.

    TensorFlow waits as well, but without a limit, and signals do not stop it.
    """
    count = len(cluster.addresses)
    print_message(f"Worker {cluster.index + 1} of {count}, {cluster.addresses[cluster.index]}: waiting for others")
    deadline = time.monotonic() + seconds
    missing = _welcome(cluster, deadline) if cluster.is_chief else _report(cluster, deadline)
    if missing:
        names = ", ".join(cluster.addresses[index] for index in missing)
        raise RunError(f"{names} did not start within {seconds:.0f} seconds; start all workers at about the same time.")


def _welcome(cluster: Cluster, deadline: float) -> list[int]:
    """Collect the reports of the others, then let all of them start. Return the indices of the missing workers."""
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
            with contextlib.suppress(OSError, ValueError):  # no connection yet, or one from another program
                connection = connections.enter_context(server.accept()[0])
                connection.settimeout(POLL_SECONDS)
                index = int(connection.recv(16))
                if index in expected:
                    waiting[index] = connection  # the newest: a worker may have been started again
        if set(waiting) == expected:
            for connection in waiting.values():
                with contextlib.suppress(OSError):
                    connection.sendall(GO)
                    connection.recv(1)  # the other side closes first, so that the port is free for TensorFlow
    return sorted(expected - set(waiting))


def _report(cluster: Cluster, deadline: float) -> list[int]:
    """Report to the chief until it says go. Return the index of the chief if it never does."""
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),  # the chief has not started yet, or is started again
            socket.create_connection(_endpoint(cluster.addresses[0]), timeout=POLL_SECONDS) as connection,
        ):
            connection.sendall(str(cluster.index).encode())
            while time.monotonic() < deadline:
                with contextlib.suppress(TimeoutError):
                    if connection.recv(len(GO)) == GO:
                        return []
                    break  # the chief has closed the connection
        time.sleep(POLL_SECONDS / 4)
    return [0]


def _endpoint(address: str) -> tuple[str, int]:
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


def connect(cluster: Cluster) -> Any:
    """The `tf.distribute` strategy of a cluster, as soon as all workers have started.

    Call it before TensorFlow computes anything.
    """
    import tensorflow as tf  # the rest of this module is used before TensorFlow is imported

    gather(cluster)
    # Otherwise gRPC connects to the other workers through `http_proxy`, and waits for ever if that cannot reach them.
    os.environ["no_grpc_proxy"] = ",".join(_endpoint(address)[0] for address in cluster.addresses)  # noqa: SIM112
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.index,
        rpc_layer="grpc",
    )
    return tf.distribute.MultiWorkerMirroredStrategy(resolver)


@contextlib.contextmanager
def noticing_loss(cluster: Cluster | None) -> Iterator[None]:
    """Turn the errors of TensorFlow that mean the loss of a worker into one message."""
    if cluster is None:
        yield
        return
    from tensorflow import errors

    lost = (
        errors.UnavailableError,
        errors.AbortedError,
        errors.CancelledError,
        errors.DeadlineExceededError,
        errors.FailedPreconditionError,
        errors.InternalError,
    )
    try:
        yield
    except lost as error:
        named = {int(index) for index in re.findall(r"/task:(\d+)", str(error))} - {cluster.index}
        addresses = " or ".join(address for index, address in enumerate(cluster.addresses) if index in named)
        raise RunError(
            f"Another worker of this training is lost{f' ({addresses})' if addresses else ''}; start all workers again "
            "with `resume=True`."
        ) from error
