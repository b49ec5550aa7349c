"""``python -m pmat_nb`` is ``pmat-nb``."""

import sys

from pmat_nb.cli.main import main

sys.exit(main())
