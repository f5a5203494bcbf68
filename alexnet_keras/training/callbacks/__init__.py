"""The jobs that are done between the steps of a training: one callback for each. `training.loop.fit` lists them."""
