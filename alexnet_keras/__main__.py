"""`python -m alexnet_keras` runs the command line."""

from alexnet_keras.cli.main import main

if __name__ == "__main__":
    main(prog_name="python -m alexnet_keras")
