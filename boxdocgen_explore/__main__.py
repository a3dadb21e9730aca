"""``python -m boxdocgen_explore``: the same as ``boxdocgen``."""

import sys

from boxdocgen_explore.cli import main

sys.exit(main())
