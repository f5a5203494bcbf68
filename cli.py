"""Run the command line from a checkout: `python cli.py train ...`."""

from alexnet_keras.cli.main import main

if __name__ == "__main__":
    main()
