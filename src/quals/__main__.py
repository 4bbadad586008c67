"""What does `python -m quals` do? The same as `quals`."""

import sys

from quals.cli import main

if __name__ == "__main__":
    sys.exit(main())
