"""Several hosts that train one network: who they are, by TF_CONFIG or Slurm, and how they agree."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from alexnet_keras.system.errors import OptionError

PORTS = range(20_000, 30_000)  # above the well-known ones, below those that systems give out
TASKS = ("chief", "worker")


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


def find_cluster(environment: Mapping[str, str] = os.environ) -> Cluster | None:
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


def check_cluster(cluster: Cluster, batch_size: int, devices: str, layout: str) -> None:
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
