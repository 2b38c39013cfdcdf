"""The command line: reads options, calls the library, shows what came back. No logic of its own."""


def main() -> None:
    """Run the command line on `sys.argv`."""
    import os
    import sys

    from nnzoo.cli.app import app
    from nnzoo.core.launch import rank

    if rank():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # of several processes the first answers for all
    app(prog_name="nnzoo")
