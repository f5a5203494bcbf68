"""What users of `keras.applications` expect of `AlexNet(...)`, and AlexNets as layers of other models."""

import keras
import numpy as np
import pytest
from support import cli, draw_folder, only_error
from support.weight_files import narrow

import alexnet_keras
from alexnet_keras.config.variants import ARCHITECTURES
from alexnet_keras.inference.features import until
from alexnet_keras.model.alexnet import AlexNet
from alexnet_keras.model.loading import load_model
from alexnet_keras.system.errors import InputError, OptionError

SIDE = 67
NARROW = {"filters": (8, 8, 8, 8, 8), "hidden_units": (16, 16)}


def images(count=2, side=SIDE):
    return np.random.RandomState(0).randint(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_a_tensor_as_input_and_a_name():
    tensor = keras.layers.RandomFlip()(keras.Input((SIDE, SIDE, 3), name="photograph"))
    model = AlexNet(narrow(), classes=3, input_tensor=tensor, name="mine")
    assert (model.name, [each.name for each in model.inputs]) == ("mine", ["photograph"])
    assert model.predict(images(), verbose=0).shape == (2, 3)
    with pytest.raises(OptionError, match="`input_tensor` must be an output of Keras layers, got ndarray; build the"):
        AlexNet(narrow(), input_tensor=images())
    with pytest.raises(
        OptionError, match=r"`input_shape` \(99, 99, 3\) is not \(67, 67, 3\) as `input_tensor` has; om"
    ):
        AlexNet(narrow(), input_tensor=tensor, input_shape=(99, 99, 3))


@pytest.mark.parametrize(("pooling", "reduce"), [("avg", np.mean), ("max", np.max)])
def test_pooled_features(pooling, reduce):
    maps = AlexNet(narrow(), include_top=False, input_shape=(131, 131, 3))
    pooled = AlexNet(narrow(), include_top=False, input_shape=(131, 131, 3), pooling=pooling)
    pooled.set_weights(maps.get_weights())
    expected = reduce(np.asarray(maps(images(side=131))), axis=(1, 2))
    np.testing.assert_allclose(pooled(images(side=131)), expected, rtol=1e-5, atol=1e-6)


def test_a_pooling_that_does_not_exist():
    with pytest.raises(OptionError, match="`pooling` must be 'avg', 'max' or None, got 'sum'"):
        AlexNet(narrow(), include_top=False, pooling="sum")


@pytest.mark.parametrize("variant", ["original", "caffe", "owt"])
def test_images_of_any_size_without_the_top(variant):
    free = AlexNet(variant, include_top=False, input_shape=(None, None, 3), **NARROW)
    for side in (99, 100, 102):  # the last rows of conv1 are complete, and lack one or three pixels
        fixed = AlexNet(variant, include_top=False, input_shape=(side, side, 3), **NARROW)
        fixed.set_weights(free.get_weights())
        np.testing.assert_allclose(free(images(side=side)), fixed(images(side=side)), rtol=1e-4, atol=1e-5)
    gradients = free(keras.ops.cast(images(side=99), "float32"), training=True)
    assert gradients.shape == free(images(side=99)).shape


@pytest.mark.parametrize("variant", ["original", "batchnorm", "owt"])
def test_channels_first_as_the_global_setting(variant, tmp_path):
    expected = AlexNet(variant, classes=3, input_shape=(SIDE, SIDE, 3), **NARROW)
    keras.config.set_image_data_format("channels_first")
    try:
        model = AlexNet(variant, classes=3, input_shape=(SIDE, SIDE, 3), **NARROW)
        pooled = AlexNet(variant, include_top=False, pooling="avg", input_shape=(SIDE, SIDE, 3), **NARROW)
        model.set_weights(expected.get_weights())
        model.save(tmp_path / "model.keras")
        loaded = load_model(tmp_path / "model.keras")
        for each in (model, loaded):
            np.testing.assert_array_equal(each(images()), expected(images()))
        assert pooled.output_shape == (None, 8)
    finally:
        keras.config.set_image_data_format("channels_last")


FC7 = {**dict.fromkeys(ARCHITECTURES, "join7"), "one_tower": "fc7", "owt": "fc7"}  # as in docs/reference/python.md


@pytest.mark.parametrize("variant", FC7)
def test_the_layer_that_is_fc7(variant):
    model = AlexNet(variant, classes=3, input_shape=(SIDE, SIDE, 3), **NARROW)
    assert model.get_layer(FC7[variant]).output.shape == (None, 16)
    classifier = keras.Model(model.get_layer(FC7[variant]).output, model.output)
    if variant != "batchnorm":  # whose `fc7` is before batch normalization
        np.testing.assert_allclose(classifier(until(model, "fc7")(images())), model(images()), rtol=1e-5, atol=1e-6)


def nested(**options):
    base = AlexNet(narrow(), include_top=False, input_shape=(None, None, 3), mean=(1, 2, 3), pooling="avg")
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.RandomFlip("horizontal")(inputs)
    x = base(x, training=False)
    x = keras.layers.Dropout(0.2)(x)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x), name="photographs")


def sequential():
    base = AlexNet(narrow(), include_top=False, input_shape=(SIDE, SIDE, 3), mean=(1, 2, 3))
    augmentation = keras.Sequential([keras.layers.RandomFlip(), keras.layers.RandomRotation(0.1)])
    layers = [augmentation, base, keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(3), keras.layers.Softmax()]
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), *layers])


@pytest.fixture(scope="module", params=[nested, sequential])
def transfer(request, tmp_path_factory):
    """A model with an AlexNet as a layer, and its file."""
    path = tmp_path_factory.mktemp("nested") / "model.keras"
    model = request.param()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)  # the file then has a state of the optimizer
    model.save(path)
    return model, path


def test_a_model_with_an_alexnet_as_a_layer_is_loaded(transfer):
    model, path = transfer
    loaded = load_model(path)
    given, found = (each(images(), training=False) for each in (model, loaded))  # without augmentation
    np.testing.assert_allclose(found, given, rtol=1e-5, atol=1e-6)
    assert loaded.get_layer("conv1a").kernel.shape == (11, 11, 3, 2)
    base = AlexNet(narrow(), include_top=False, input_shape=(SIDE, SIDE, 3), weights=path)
    np.testing.assert_array_equal(base.get_layer("conv5b").kernel, loaded.get_layer("conv5b").kernel)
    assert base.get_layer("mean").mean == (1, 2, 3)


def test_it_predicts_evaluates_and_exports(transfer, tmp_path):
    model, path = transfer
    data = draw_folder(tmp_path / "data", train=1, val=1)
    image = data / "val" / "red" / "0.jpg"
    predicted = cli("predict", path, image, "--json")
    assert predicted.code == 0, predicted.err
    assert cli("evaluate", path, "--data", data, "--json").json["num_images"] == 3
    result = cli("export", path, "--format", "tflite", "--data", data, "--output", tmp_path / "a.tflite", "--json")
    assert result.code == 0, result.err
    assert result.json["max_abs_difference"] < 1e-4
    ours = alexnet_keras.predict(model, image, top=1)[0]["predictions"][0]
    assert ours["class"] == predicted.json[0]["predictions"][0]["class"]


def test_models_that_are_not_loaded(tmp_path):
    drawn_image = draw_folder(tmp_path / "data", train=0, val=1) / "val" / "red" / "0.jpg"
    base = AlexNet(narrow(), include_top=False, input_shape=(SIDE, SIDE, 3), pooling="avg")
    inputs = keras.Input((SIDE, SIDE, 3))
    keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(base(inputs))).save(tmp_path / "binary.keras")
    result = cli("predict", tmp_path / "binary.keras", drawn_image)
    assert "ends in neither softmax nor logits" in only_error(result)
    keras.Model(inputs, keras.layers.Dense(2, name="mean")(base(inputs))).save(tmp_path / "twice.keras")
    with pytest.raises(InputError, match="twice.keras has two layers with the name 'mean'; give each layer its own na"):
        load_model(tmp_path / "twice.keras")
    outputs = base(keras.layers.Lambda(lambda x: x)(inputs))
    keras.Model(inputs, outputs).save(tmp_path / "code.keras")
    with pytest.raises(
        InputError, match="code.keras has 'Lambda', which is no part of an AlexNet, so it is not loaded"
    ):
        load_model(tmp_path / "code.keras")
