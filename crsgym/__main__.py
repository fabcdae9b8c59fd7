"""``python -m crsgym`` is ``crsgym``."""

import sys

from crsgym.cli import main

if __name__ == "__main__":
    sys.exit(main())
