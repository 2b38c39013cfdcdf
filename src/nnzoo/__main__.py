"""`python -m nnzoo` is the command line."""

from nnzoo.cli import main

if __name__ == "__main__":
    main()
