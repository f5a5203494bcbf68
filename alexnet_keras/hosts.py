"""Several hosts that train one network: who they are, by TF_CONFIG or Slurm, and how they agree."""

import contextlib
import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alexnet_keras.system.errors import InputError, OptionError, RunError

PORTS = range(20_000, 30_000)  # above the well-known ones, below those that systems give out
TASKS = ("chief", "worker")
WAIT_SECONDS = 600.0  # for other hosts to start
POLL_SECONDS = 1.0  # in between, signals are heard
GO = b"go"


@dataclass(frozen=True)
class Cluster:
    """The hosts of a training. The first is the chief, the only one that writes.

    Attributes:
        addresses: `host:port` of each.
        index: which of them this is.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        return self.index == 0


def find(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """The hosts that the environment tells of: by TF_CONFIG, else by a Slurm step of several tasks.

    Returns:
        The hosts, or `None` where this one is alone.

    Raises:
        OptionError: what the environment tells makes no sense.
    """
    if environment.get("TF_CONFIG"):
        cluster = from_tf_config(environment["TF_CONFIG"])
    elif environment.get("SLURM_STEP_NUM_TASKS", "1") != "1":
        cluster = from_slurm(environment)
    else:
        return None
    return cluster if len(cluster.addresses) > 1 else None


def from_tf_config(text: str) -> Cluster:
    """Read `{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}`.

    A job `chief` is one more worker, before the others.

    Raises:
        OptionError: it is something else.
    """
    shape = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
    try:
        values = json.loads(text)
        jobs, task, index = values["cluster"], values["task"]["type"], int(values["task"]["index"])
        addresses = {job: [str(address) for address in jobs[job]] for job in TASKS if job in jobs}
        unknown = set(jobs) - set(TASKS)
    except (ValueError, KeyError, TypeError) as error:
        raise OptionError(f"TF_CONFIG cannot be read; it must look like {shape}, got {text!r}.") from error
    if unknown:
        raise OptionError(
            f"TF_CONFIG has {', '.join(sorted(unknown))}; all hosts of a training are 'worker' or 'chief'."
        )
    together = [address for job in TASKS for address in addresses.get(job, [])]
    for address in together:
        if not re.fullmatch(r"[^:/\s]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", address):
            raise OptionError(f"TF_CONFIG has the address {address!r}; it must look like 'host:port'.")
    if len(set(together)) < len(together):
        raise OptionError(f"TF_CONFIG names an address twice: {', '.join(together)}.")
    if task not in addresses or not 0 <= index < len(addresses[task]):
        raise OptionError(f"TF_CONFIG says that this is {task} {index}, which its cluster does not have.")
    return Cluster(tuple(together), together.index(addresses[task][index]))


def from_slurm(environment: Mapping[str, str]) -> Cluster:
    """The hosts of a Slurm step (`srun`), one task a node; a task uses all GPUs that it is given.

    `tf.distribute.cluster_resolver.SlurmClusterResolver` needs nvidia-smi, sorts node10 before node2 so that its ranks
    are not Slurm's, and gives every job the same port.

    Raises:
        OptionError: a variable is missing or cannot be read, or a node has several tasks.
    """
    names = ("SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE", "SLURM_PROCID", "SLURM_JOB_ID")
    missing = [name for name in names if name not in environment]
    if missing:
        raise OptionError(f"Slurm has not set {', '.join(missing)}; start the tasks with srun, or set TF_CONFIG.")
    nodes, tasks, rank, job = (environment[name] for name in names)
    hosts = expand_nodes(nodes)
    if not re.fullmatch(r"1(\(x\d+\))?(,1(\(x\d+\))?)*", tasks):
        raise OptionError(
            f"Slurm starts {tasks} tasks a node; start one, with srun --ntasks-per-node=1; it has all of its GPUs."
        )
    if not (rank.isdecimal() and job.isdecimal() and int(rank) < len(hosts)):
        raise OptionError(f"Slurm says that this is task {rank!r} of job {job!r} on {nodes}, which cannot be.")
    port = PORTS[int(job) % len(PORTS)]  # so that two jobs may share a node
    return Cluster(tuple(f"{host}:{port}" for host in hosts), int(rank))


def expand_nodes(nodes: str) -> list[str]:
    """`a[1-2,05],b` as `a1, a2, a05, b`, in Slurm's order.

    Raises:
        OptionError: it cannot be read.
    """
    found: list[str] = []
    for part in re.findall(r"(?:[^,\[\]]|\[[^\[\]]*\])+|.", nodes):
        if part == ",":
            continue
        match = re.fullmatch(r"([\w.-]*)(?:\[(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)\])?([\w.-]*)", part)
        if match is None:
            raise OptionError(f"SLURM_STEP_NODELIST {nodes!r} cannot be read; set TF_CONFIG instead.")
        prefix, ranges, suffix = match.groups()
        if ranges is None:
            found.append(part)
            continue
        for piece in ranges.split(","):
            first, _, last = piece.partition("-")
            numbers = range(int(first), int(last or first) + 1)
            found += [f"{prefix}{number:0{len(first)}}{suffix}" for number in numbers]
    return found


def check(cluster: Cluster, batch_size: int, devices: str, layout: str) -> None:
    """Whether the hosts can train so.

    Raises:
        OptionError: not so.
    """
    count = len(cluster.addresses)
    if batch_size % count:
        raise OptionError(
            f"--batch-size {batch_size} cannot be dealt out to {count} hosts; choose a multiple of {count}."
        )
    if layout != "replicas":
        raise OptionError(f"--layout {layout} is for one host, and there are {count}.")
    if devices.startswith("cpu:") and devices != "cpu:1":
        raise OptionError(f"--devices {devices}: each of several hosts has one CPU; leave it out, or name GPUs.")


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
