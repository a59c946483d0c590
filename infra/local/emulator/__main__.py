"""`python -m emulator serve | deploy | selfcheck`; also as `python -I -B path/to/emulator ...`."""

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is written beside the sources
if not __package__:
    # Started by its path (in Python's isolated mode, which ignores PYTHONPATH): make the package importable.
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    sys.path.insert(0, str(here.parent))
    __package__ = here.name


def main() -> int:
    parser = argparse.ArgumentParser(prog="emulator", description="AWS on this machine")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run until standard input ends, or SIGTERM")
    serve.add_argument("--port", type=int, default=0, help="0 picks a free one")
    serve.add_argument("--dir", type=Path, required=True, help="where everything is written")
    serve.add_argument("--ignore-stdin", action="store_true", help="end on a signal only")
    deploy = commands.add_parser("deploy", help="package and deploy a SAM template")
    deploy.add_argument("--endpoint", required=True, help="of the emulator; nothing but this machine is accepted")
    deploy.add_argument("--stack", required=True)
    deploy.add_argument("--template", type=Path, required=True)
    deploy.add_argument("--code", action="append", default=[], metavar="LOGICAL_ID=BINARY")
    deploy.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    deploy.add_argument("--region", default="us-east-1")
    commands.add_parser("selfcheck", help="assert that the stand-ins behave as AWS does")
    options = parser.parse_args()
    if options.command == "serve":
        from .server import serve as run

        return run(options.port, options.dir, not options.ignore_stdin)
    if options.command == "deploy":
        from .deploy import main as run

        return run(options)
    from .selfcheck import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
