"""Run the command line as `python -m secfpp.cli`."""

import sys

from secfpp.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
