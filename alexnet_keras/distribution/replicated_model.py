"""A Keras model whose training step is exact on several devices and workers."""

from typing import Any

import keras
import tensorflow as tf


class ReplicatedModel(keras.Model):
    """A functional model whose `fit` and `evaluate` are exact under `tf.distribute`, for any division of a batch.

    This corrects two things in Keras 3:

    - `fit` takes the mean over replicas of the mean loss of each replica. Parts of 3 and 2 images, or of 1 and none,
      then have the same weight, and the step differs from that of a single device. Here a step follows the gradient of
      the sum of the losses over the number of images of the global batch.
    - Under `MultiWorkerMirroredStrategy` it fails (keras-team/keras#20585), in two places: `_maybe_symbolic_build`
      takes the mean of a batch that lies on several replicas, which also fails for parts of different sizes; and the
      logs, which are scalars, are reduced along an axis. Here the model is built from shapes, and the logs of several
      workers are vectors.

    Logs and metrics count every image of all replicas once. A part without images is padded with a black image whose
    result is cut off, because not all kernels accept empty batches (tensorflow/tensorflow#48057).

    Create and compile it in the scope of the strategy, from the inputs and outputs of a functional model.
    """

    def train_step(self, data: Any) -> dict[str, Any]:
        images, labels = data
        replicas = tf.distribute.get_replica_context()
        count = tf.shape(images)[0]
        total = replicas.all_reduce(tf.distribute.ReduceOp.SUM, count)
        with tf.GradientTape() as tape:
            outputs = self._forward(images, training=True)
            # Keras divides the mean loss of a replica by the number of replicas, because it adds up the gradients.
            mean = self.compute_loss(images, labels, outputs, training=True) * replicas.num_replicas_in_sync
            loss = mean * tf.cast(count / total, mean.dtype)
            scaled = self.optimizer.scale_loss(loss)
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(scaled, weights), weights, strict=True))
        return self._logs(images, labels, outputs, mean, count)

    def test_step(self, data: Any) -> dict[str, Any]:
        images, labels = data
        outputs = self._forward(images, training=False)
        mean = self.compute_loss(images, labels, outputs, training=False)
        mean *= tf.distribute.get_replica_context().num_replicas_in_sync
        return self._logs(images, labels, outputs, mean, tf.shape(images)[0])

    def _forward(self, images: Any, training: bool) -> Any:
        count = tf.shape(images)[0]
        padded = tf.pad(images, [[0, tf.maximum(0, 1 - count)], [0, 0], [0, 0], [0, 0]])
        return self(padded, training=training)[:count]

    def _logs(self, images: Any, labels: Any, outputs: Any, mean: Any, count: Any) -> dict[str, Any]:
        """Add a part to the sums of this replica, and return the results of the sums of all replicas."""
        self._loss_tracker.update_state(mean, sample_weight=count)
        self.compute_metrics(images, labels, outputs)
        replicas = tf.distribute.get_replica_context()
        sums = [variable for metric in self.metrics for variable in metric.variables]
        mine = tf.stack([tf.convert_to_tensor(variable) for variable in sums])
        totals = replicas.all_reduce(tf.distribute.ReduceOp.SUM, mine)
        with keras.StatelessScope(state_mapping=list(zip(sums, tf.unstack(totals), strict=True))):
            logs = self.get_metrics_result()
        many_workers = isinstance(replicas.strategy, tf.distribute.MultiWorkerMirroredStrategy)
        return {name: tf.reshape(value, (1,)) if many_workers else value for name, value in logs.items()}

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        with self.distribute_strategy.scope():
            images = keras.KerasTensor((1, *self.input_shape[1:]), "uint8")  # height and width may be unknown
            self._symbolic_build(data_batch=(images, keras.KerasTensor((1,), "int64")))
