"""`python -m fedpeer` is the `fedpeer` command."""

from fedpeer.cli.main import main

main()
