"""`python cli.py train ...` from a checkout."""

from alexnet_keras.cli.main import main

if __name__ == "__main__":
    main()
