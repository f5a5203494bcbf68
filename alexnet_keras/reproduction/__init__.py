"""Repeat the experiments of the paper: `config.experiments` lists them, `experiment` trains, `picture` draws."""
