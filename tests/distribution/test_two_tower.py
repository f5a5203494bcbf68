"""Each tower on its own device: the same steps, half of the bytes, and communication only where the paper has it."""

import json
import re

import pytest
from support.processes import Program, assert_same_training, start_training, train

from alexnet_keras.distribution import two_tower
from alexnet_keras.system.errors import OptionError

LOOK = """
import json, sys
import keras, numpy as np, tensorflow as tf
from tensorflow.python.eager import context

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.set_soft_device_placement(False)

from support.train_tiny import NETWORK
from alexnet_keras.distribution import two_tower
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.training.optimizer import KrizhevskySGD

model = AlexNet(NETWORK, classes=3, input_shape=(67, 67, 3), classifier_activation=None, dtype=sys.argv[1])
model = two_tower.place(model, ["CPU:0", "CPU:1"])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(KrizhevskySGD(0.01), loss=loss, metrics=["accuracy"])
model.optimizer.build(model.trainable_variables)
images, labels = tf.zeros((5, 67, 67, 3), tf.uint8), tf.zeros((5,), tf.int64)
step = tf.function(lambda x, y: model.train_step((x, y)))
context.context().enable_graph_collection()
step(images, labels)
functions = context.context().export_run_metadata().function_graphs
graphs = [graph for function in functions for graph in function.partition_graphs]
sent = []
for graph in graphs:
    for node in graph.node:
        if node.op in ("_Send", "_HostSend"):
            devices = [node.attr[name].s.decode()[-5:] for name in ("send_device", "recv_device")]
            sent.append([node.attr["tensor_name"].s.decode(), *devices])
computed = {node.name: node.device[-5:] for graph in graphs for node in graph.node}
print(json.dumps({
    "sent": sent,
    "computed": computed,
    "weights": two_tower.bytes_per_device(model.trainable_variables),
    "velocities": two_tower.bytes_per_device(model.optimizer._velocities),
}))
"""


@pytest.fixture(scope="module", params=["float32", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)])
def look(request):
    """What one step of a placed model computes where, and what it sends: TensorFlow's own partition of the graph."""
    return json.loads(Program("-c", LOOK, request.param).succeed().out.splitlines()[-1])


def test_each_device_holds_about_half(look):
    for held in (look["weights"], look["velocities"]):
        assert set(held) == {"CPU:0", "CPU:1"}
        assert held["CPU:0"] - held["CPU:1"] == 4 * (16 * 3 + 3)  # fc8 and its biases
    assert look["weights"] == look["velocities"]


def test_towers_communicate_only_into_conv3_fc6_fc7_and_fc8(look):
    """Feature maps go into the joins before them, and gradients back; images and learning rate go to the second."""
    kinds = {
        r"(pool2[ab]|pool5[ab]|drop6[ab]|drop7[ab])_": r"\1",
        r"gradients/.*(join[2567])(_on_the_second)?_": r"gradient of \1",
        r"krizhevsky_sgd/.*ReadVariableOp": "learning rate",
        r"alexnet_tiny\w*/Cast": "images",
        r"GroupCrossDeviceControlEdges": "nothing",  # that one is done
    }
    sent = set()
    for name, sender, receiver in look["sent"]:
        (kind,) = {match.expand(kind) for key, kind in kinds.items() if (match := re.search(key, name))} or {name}
        sent.add((kind, sender, receiver))
    assert sent - {("nothing", "CPU:1", "CPU:0"), ("nothing", "CPU:0", "CPU:1")} == {
        *((f"{layer}a", "CPU:0", "CPU:1") for layer in ("pool2", "pool5", "drop6")),
        *((f"{layer}b", "CPU:1", "CPU:0") for layer in ("pool2", "pool5", "drop6", "drop7")),
        *((f"gradient of {join}", "CPU:0", "CPU:1") for join in ("join2", "join5", "join6", "join7")),
        *((f"gradient of {join}", "CPU:1", "CPU:0") for join in ("join2", "join5", "join6")),
        ("learning rate", "CPU:0", "CPU:1"),
        ("images", "CPU:0", "CPU:1"),
    }
    for tower, device in (("a", "CPU:0"), ("b", "CPU:1")):
        layer = re.compile(rf"/(conv|fc|pool|norm|drop)\d{tower}_")
        placed = {name: where for name, where in look["computed"].items() if layer.search(name) and "Send" not in name}
        assert len(placed) > 100
        assert {name for name, where in placed.items() if where != device and "/_" not in name} == set()


def test_two_towers_take_the_steps_of_one_device(nine, one, events, tmp_path):
    two = train(nine, tmp_path / "two", "cpu:2", keywords={"layout": "two-tower"}, **events)
    assert_same_training(one, two)
    printed = " ".join(two["errors"].split())
    assert re.search(r"CPU:0: [\d.]+ MB, CPU:1: [\d.]+ MB of weights and velocities", printed)


@pytest.mark.parametrize(
    ("first", "second"),
    [("two-tower", "replicas"), pytest.param("replicas", "two-tower", marks=pytest.mark.slow)],
)
def test_each_layout_resumes_a_run_of_the_other(first, second, nine, one, events, tmp_path):
    """Their checkpoints are the same files: variables in the same order, under the same names."""
    run = tmp_path / "two"
    stopped = start_training(nine, run, stop_after=4, keywords={"devices": "cpu:2", "layout": first}, **events)
    assert "SIGTERM at epoch 2, step 1" in stopped.end().err
    two = train(nine, run, "cpu:2", keywords={"layout": second, "resume": True}, **events)
    assert "Resuming at epoch 2, step 1." in two["errors"]
    assert_same_training(one, two)


@pytest.mark.parametrize(
    ("devices", "count", "policy", "message"),
    [
        (
            ["CPU:0"],
            2,
            "float32",
            r"`layout` two-tower needs two devices and has 1 \(CPU:0\); choose `devices=gpu:2`",
        ),
        (["GPU:0", "GPU:1", "GPU:2"], 2, "float32", "needs two devices and has 3"),
        (["CPU:0", "CPU:1"], 1, "float32", "needs a network of two towers"),
        (["CPU:0", "CPU:1"], 2, "mixed_float16", "does not compute in mixed_float16; choose `precision=float32`"),
    ],
)
def test_impossible_two_towers_are_refused(devices, count, policy, message):
    with pytest.raises(OptionError, match=message):
        two_tower.check(devices, count, policy)
