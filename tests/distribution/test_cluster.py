"""Several processes on the loopback address take the steps of one; TF_CONFIG and Slurm are read."""

import json
import signal
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.processes import Program, assert_same_training, result, start_training
from support.processes import train as train_alone
from support.properties import repeatable, texts, unless_refused

from alexnet_keras.distribution.cluster import (
    Cluster,
    check_cluster,
    expand_nodes,
    find_cluster,
    from_slurm,
    from_tf_config,
)
from alexnet_keras.system.errors import OptionError
from alexnet_keras.training import run_folder

BOUND_SECONDS = 120  # as the documentation says


@pytest.fixture
def start(free_ports):
    """Start `tests/support/train_tiny.py` as each of several workers."""

    def start_all(folder, run, count, **options):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
        return [start_training(folder, run, task(addresses, index), **options) for index in range(count)]

    return start_all


def task(addresses, index):
    """The environment of a worker."""
    values = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    proxy = "http://127.0.0.1:9"  # through which nothing can be reached
    return {"TF_CONFIG": json.dumps(values), "CUDA_VISIBLE_DEVICES": "-1", "http_proxy": proxy, "https_proxy": proxy}


@pytest.mark.parametrize(
    ("count", "batch_size"),
    [(2, 4), pytest.param(3, 6, marks=pytest.mark.slow), pytest.param(4, 4, marks=pytest.mark.slow)],
)
def test_workers_take_the_steps_of_one(count, batch_size, start, nine, one, events, tmp_path):
    """Nine images, so that the last batch of four leaves workers without an image; seven in validation."""
    if batch_size != 4:
        one = train_alone(nine, tmp_path / "one", "cpu:1", batch_size=batch_size, **events)
    run = tmp_path / "two"
    results = [result(worker) for worker in start(nine, run, count, batch_size=batch_size, **events)]
    for found in results:
        assert_same_training(one, found)
    assert f"{count} workers, {count} devices in all" in " ".join(results[0]["errors"].split())
    assert {path.name for path in run.iterdir()} == {path.name for path in Path(one["run"]).iterdir()}
    assert len(list((run / run_folder.TENSORBOARD).rglob("events*"))) == 2  # of training and of validation
    assert all("Epoch" not in found["errors"] for found in results[1:])


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_lost_worker_ends_the_others_and_all_resume(victim, start, nine, tmp_path):
    one = train_alone(nine, tmp_path / "one", "cpu:1", epochs=40)
    processes = start(nine, tmp_path / "two", 2, epochs=40, keywords={"checkpoint_minutes": 0})
    while not list((tmp_path / "two").glob("checkpoints/step-*[1-9][0-9].npz")):
        assert all(process.code is None for process in processes)
        time.sleep(0.1)
    processes[victim].send(signal.SIGKILL)
    killed = time.monotonic()
    other = processes[1 - victim].end()
    seconds = time.monotonic() - killed
    print(f"the other ended after {seconds:.1f} s with {other.code}: {other.err.splitlines()[-1]}")
    assert other.code == 1
    assert seconds < BOUND_SECONDS
    assert "Another worker of this training is lost" in other.err.splitlines()[-1]
    resumed = start(nine, tmp_path / "two", 2, epochs=40, keywords={"resume": True, "checkpoint_minutes": 0})
    results = [result(worker) for worker in resumed]
    assert_same_training(one, results[0])


def test_a_signal_stops_a_waiting_worker(free_ports, folder, tmp_path):
    """The chief and another worker, of two trainings that miss the other one."""
    processes = []
    for index in (0, 1):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        options = ["--data", folder, "--batch-size", "4", "--run", tmp_path / str(index)]
        processes.append(Program("cli.py", "train", *options, environment=task(addresses, index)))
    for process in processes:
        while "waiting for others" not in process.err:
            assert process.code is None, process.err
            time.sleep(0.05)
        process.send(signal.SIGTERM)
        assert process.end(60).code in (143, -signal.SIGTERM)
    assert not list(tmp_path.iterdir())


TASK = '{{"cluster": {}, "task": {{"type": "{}", "index": {}}}}}'


@pytest.mark.parametrize(
    ("text", "cluster"),
    [
        (TASK.format('{"worker": ["a:1", "b:2"]}', "worker", 1), Cluster(("a:1", "b:2"), 1)),
        (TASK.format('{"worker": ["b:2"], "chief": ["a:1"]}', "worker", 0), Cluster(("a:1", "b:2"), 1)),
        (TASK.format('{"worker": ["b:2"], "chief": ["a:1"]}', "chief", '"0"'), Cluster(("a:1", "b:2"), 0)),
        (TASK.format('{"worker": ["[::1]:1", "b.c-d:2"]}', "worker", 0), Cluster(("[::1]:1", "b.c-d:2"), 0)),
        (TASK.format('{"worker": ["a:1"]}', "worker", 0), None),
    ],
)
def test_tf_config_is_read(text, cluster, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    assert find_cluster() == cluster


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", r"TF_CONFIG cannot be read; it must look like \{"),
        ("[]", "TF_CONFIG cannot be read"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}}', "TF_CONFIG cannot be read"),
        (TASK.format('{"worker": 3}', "worker", 0), "TF_CONFIG cannot be read"),
        (TASK.format('{"worker": ["a:1", "b:2"]}', "worker", "1e999"), "TF_CONFIG cannot be read"),
        (TASK.format('{"worker": ["a:1", "b:2"]}', "worker", "9" * 5000), r"TF_CONFIG cannot .* \.\.\. 9+}}'\.$"),
        ("[" * 200_000, r"TF_CONFIG cannot be read; .*, got '\[+ \.\.\. \[+'\.$"),
        (
            '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": [], "index": 0}}',
            r"this is \[\] 0, which its cluster",
        ),
        (TASK.format('{"worker": ["a:65536", "b:2"]}', "worker", 0), "TF_CONFIG has the address 'a:65536'; it must"),
        (TASK.format('{"worker": ["a:\u0661", "b:2"]}', "worker", 0), "TF_CONFIG has the address 'a:\u0661'; it must"),
        (TASK.format('{"worker": ["%s:1", "b:2"]}' % ("a" * 64), "worker", 0), "TF_CONFIG has the address 'aaa"),
        (
            TASK.format('{"worker": ["a:1"], "ps": ["b:2"]}', "worker", 0),
            "TF_CONFIG has the job 'ps'; use only 'worker' and 'chief'",
        ),
        (TASK.format('{"worker": ["a", "b:2"]}', "worker", 0), "TF_CONFIG has the address 'a'; it must look like"),
        (
            TASK.format('{"worker": ["a:1", "a:1"]}', "worker", 0),
            "TF_CONFIG has an address twice: a:1, a:1; each worker needs",
        ),
        (
            TASK.format('{"worker": ["a:1", "b:2"]}', "worker", 2),
            "TF_CONFIG says that this is worker 2, which its cluster lacks; correct the task",
        ),
        (TASK.format('{"worker": ["a:1", "b:2"]}', "worker", -1), "TF_CONFIG says that this is worker -1"),
        (TASK.format('{"worker": ["a:1", "b:2"]}', "chief", 0), "TF_CONFIG says that this is chief 0"),
    ],
)
def test_an_impossible_tf_config_is_refused(text, message):
    with pytest.raises(OptionError, match=message):
        from_tf_config(text)


SLURM = {
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_STEP_NODELIST": "node[9-10],gpu07",
    "SLURM_STEP_TASKS_PER_NODE": "1(x3)",
    "SLURM_PROCID": "1",
    "SLURM_JOB_ID": "1234567",
}


def test_slurm_is_read(monkeypatch):
    assert find_cluster() is None
    monkeypatch.setenv("SLURM_NTASKS", "16")
    assert find_cluster() is None  # a batch script's own process: srun starts the tasks
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    assert find_cluster() == Cluster(("node9:24567", "node10:24567", "gpu07:24567"), 1)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    assert find_cluster() is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"SLURM_STEP_TASKS_PER_NODE": "2,1"},
            "Slurm starts 2,1 tasks on the nodes; start one on each with srun --ntasks-per-node=1",
        ),
        ({"SLURM_STEP_NODELIST": "node[9-"}, r"SLURM_STEP_NODELIST 'node\[9-' cannot be read; set TF_CONFIG instead"),
        ({"SLURM_PROCID": "3"}, "Slurm says that this is task '3' of job '1234567' on node"),
        ({"SLURM_JOB_ID": "x"}, "of job 'x'"),
        ({"SLURM_JOB_ID": "9" * 5000}, r"of job '9+ \.\.\. 9+' on node"),
        ({"SLURM_STEP_NODELIST": "n[1-999999999]"}, "SLURM_STEP_NODELIST 'n.1-999999999.' cannot be read"),
        ({"SLURM_STEP_NODELIST": "n" * 100_000 + "!"}, r"SLURM_STEP_NODELIST 'n+ \.\.\. n+!' cannot be read"),
    ],
)
def test_an_impossible_slurm_step_is_refused(changes, message):
    with pytest.raises(OptionError, match=message):
        from_slurm({**SLURM, **changes})


def test_slurm_without_srun_is_refused():
    with pytest.raises(OptionError, match="Slurm has not set SLURM_PROCID; start the tasks with srun"):
        from_slurm({name: value for name, value in SLURM.items() if name != "SLURM_PROCID"})


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        ("a", ["a"]),
        ("a,b-1.c", ["a", "b-1.c"]),
        ("n[8-11]", ["n8", "n9", "n10", "n11"]),
        ("n[098-101,3]x,m", ["n098x", "n099x", "n100x", "n101x", "n3x", "m"]),
        ("127.0.0.[1-2]", ["127.0.0.1", "127.0.0.2"]),
    ],
)
def test_lists_of_nodes_are_expanded(nodes, names):
    assert expand_nodes(nodes) == names


@pytest.mark.parametrize(
    ("batch_size", "devices", "layout", "message"),
    [
        (5, "auto", "replicas", "`batch_size` 5 cannot be divided among 2 workers; choose a multiple of 2"),
        (4, "cpu:2", "replicas", "`devices` cpu:2: each of several workers has one CPU"),
        (4, "auto", "two-tower", "`layout` two-tower is for one worker, and there are 2; choose replicas"),
    ],
)
def test_what_workers_cannot_do_is_refused(batch_size, devices, layout, message):
    with pytest.raises(OptionError, match=message):
        check_cluster(Cluster(("a:1", "b:1"), 0), batch_size, devices, layout)


@repeatable
@given(texts | st.text('{}[]":,1cluster worker task'))
def test_any_environment_is_a_cluster_or_is_refused(text):
    of_two = {"cluster": {"worker": [text, "b:1"]}, "task": {"type": "worker", "index": 1}}
    for read, value in (
        (from_tf_config, text),
        (from_tf_config, json.dumps(of_two)),
        (from_slurm, dict.fromkeys(SLURM, text)),
    ):
        cluster = unless_refused(lambda read=read, value=value: read(value))
        assert cluster is None or 0 <= cluster.index < len(cluster.addresses)


@repeatable
@given(st.text("ab-,[]0123456789"))
def test_any_list_of_nodes_is_expanded_or_refused(text):
    nodes = unless_refused(lambda: expand_nodes(text))
    assert nodes is None or all(nodes)
