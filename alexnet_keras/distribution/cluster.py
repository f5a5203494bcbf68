"""The workers of a training on several machines, as TF_CONFIG or Slurm describes them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from alexnet_keras.system.errors import OptionError
from alexnet_keras.system.input_files import parse_json
from alexnet_keras.system.terminal_text import brief, shorten

PORTS = range(20_000, 30_000)  # above the well-known ports, below those that systems assign
JOBS = ("chief", "worker")
MOST_WORKERS = 65_536
HOST = r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,15}"  # longer names end in an error of the resolver
FORM = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Cluster:
    """The workers of a training: one process on each machine. The first is the chief, the only one that writes.

    Attributes:
        addresses: `host:port` of each worker.
        index: the index of this worker.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        return self.index == 0


def find_cluster() -> Cluster | None:
    """Find the workers that the environment describes: by TF_CONFIG, else by a Slurm step of several tasks."""
    if os.environ.get("TF_CONFIG"):
        cluster = from_tf_config(os.environ["TF_CONFIG"])
    elif os.environ.get("SLURM_STEP_NUM_TASKS", "1") != "1":
        cluster = from_slurm(os.environ)
    else:
        return None
    return cluster if len(cluster.addresses) > 1 else None


def from_tf_config(text: str) -> Cluster:
    """Read `{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}`.

    A job `chief` is one more worker, before the others.
    """
    try:
        values = parse_json(text, "TF_CONFIG")
        jobs, job, index = values["cluster"], str(values["task"]["type"]), int(values["task"]["index"])
        addresses = {name: [str(address) for address in jobs[name]] for name in JOBS if name in jobs}
        unknown = set(jobs) - set(JOBS)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise OptionError(f"TF_CONFIG cannot be read; it must look like {FORM}, got {brief(text)}.") from error
    if unknown:
        raise OptionError(f"TF_CONFIG has the job {brief(min(unknown))}; use only 'worker' and 'chief'.")
    workers = [address for name in JOBS for address in addresses.get(name, [])]
    for address in workers:
        found = re.fullmatch(rf"(?:{HOST}|\[[0-9a-fA-F:]{{2,39}}\]):([0-9]{{1,5}})", address)
        if found is None or not 0 < int(found[1]) < 65_536:
            raise OptionError(f"TF_CONFIG has the address {brief(address)}; it must look like 'host:port'.")
    if len(set(workers)) < len(workers):
        raise OptionError(f"TF_CONFIG has an address twice: {', '.join(workers)}; each worker needs its own.")
    if job not in addresses or not 0 <= index < len(addresses[job]):
        raise OptionError(
            f"TF_CONFIG says that this is {shorten(job, 40)} {brief(index)}, which its cluster lacks; correct the task."
        )
    return Cluster(tuple(workers), workers.index(addresses[job][index]))


def from_slurm(environment: Mapping[str, str]) -> Cluster:
    """The workers of a Slurm step (`srun`) with one task on each node; a task uses all GPUs that it is given.

    `tf.distribute.cluster_resolver.SlurmClusterResolver` needs nvidia-smi, sorts node10 before node2, so that its ranks
    are not Slurm's, and gives every job the same port.
    """
    names = ("SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE", "SLURM_PROCID", "SLURM_JOB_ID")
    missing = [name for name in names if name not in environment]
    if missing:
        raise OptionError(f"Slurm has not set {', '.join(missing)}; start the tasks with srun, or set TF_CONFIG.")
    nodes, tasks, rank, job = (environment[name] for name in names)
    hosts = expand_nodes(nodes)
    if not re.fullmatch(r"1(\(x[0-9]+\))?(,1(\(x[0-9]+\))?)*", tasks):
        raise OptionError(
            f"Slurm starts {shorten(tasks, 80)} tasks on the nodes; start one on each with srun --ntasks-per-node=1. "
            "A task uses all GPUs of its node."
        )
    if not (all(re.fullmatch("[0-9]{1,18}", number) for number in (rank, job)) and int(rank) < len(hosts)):
        raise OptionError(
            f"Slurm says that this is task {brief(rank)} of job {brief(job)} on {shorten(nodes, 80)}, which is "
            "impossible; set TF_CONFIG."
        )
    port = PORTS[int(job) % len(PORTS)]  # so that two jobs can share a node
    return Cluster(tuple(f"{host}:{port}" for host in hosts), int(rank))


def expand_nodes(nodes: str) -> list[str]:
    """Expand `a[1-2,05],b` to `a1, a2, a05, b`, in Slurm's order."""
    unreadable = OptionError(f"SLURM_STEP_NODELIST {brief(nodes)} cannot be read; set TF_CONFIG instead.")
    found: list[str] = []
    piece = "[0-9]{1,9}(?:-[0-9]{1,9})?"
    for part in re.findall(r"(?:[^,\[\]]|\[[^\[\]]*\])+|.", nodes):
        if part == ",":
            continue
        match = re.fullmatch(rf"([\w.-]*)(?:\[({piece}(?:,{piece})*)\]([\w.-]*))?", part, re.ASCII)
        if match is None:
            raise unreadable
        prefix, ranges, suffix = match.groups()
        for each in ranges.split(",") if ranges else ():
            first, _, last = each.partition("-")
            numbers = range(int(first), int(last or first) + 1)
            if len(found) + len(numbers) > MOST_WORKERS:
                raise unreadable
            found += [f"{prefix}{number:0{len(first)}}{suffix}" for number in numbers]
        if ranges is None:
            found.append(part)
    if not all(re.fullmatch(HOST, name) for name in found):
        raise unreadable
    return found


def check_cluster(cluster: Cluster, batch_size: int, devices: str, layout: str) -> None:
    count = len(cluster.addresses)
    if batch_size % count:
        raise OptionError(
            f"`batch_size` {batch_size} cannot be divided among {count} workers; choose a multiple of {count}."
        )
    if layout != "replicas":
        raise OptionError(f"`layout` {layout} is for one worker, and there are {count}; choose replicas.")
    if devices.startswith("cpu:") and devices != "cpu:1":
        raise OptionError(f"`devices` {devices}: each of several workers has one CPU; leave it out, or name GPUs.")
