"""The command line: reads options, calls the library, shows what came back. No logic of its own."""


def main() -> None:
    """Run the command line on `sys.argv`."""
    from nnzoo.cli.app import app

    app(prog_name="nnzoo")
