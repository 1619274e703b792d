"""python -m dashkv"""

import sys

from dashkv.cli import main

if __name__ == "__main__":
    sys.exit(main())
