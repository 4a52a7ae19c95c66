"""Where the real X-rays lie, beside the checkout, on the machines that hold them; they are never committed."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "nih1993_64"
ABSENT = "the real X-rays are not on this machine (../shared/data)"

needed = pytest.mark.skipif(not FOLDER.exists(), reason=ABSENT)
