"""``python -m sdanalytics``: the command line."""

import sys

from sdanalytics.cli import main

if __name__ == "__main__":
    sys.exit(main())
