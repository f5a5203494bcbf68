"""Images, augmentation and the `tf.data` pipelines."""
