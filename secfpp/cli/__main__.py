"""`python -m secfpp.cli`, for where the script is not on the path."""

import sys

from secfpp.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
