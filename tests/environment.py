"""The environment of the tests, set before Django reads its settings: pytest loads this file with `-p`."""

import atexit
import os
import shutil
import tempfile

os.environ["ENVIRONMENT"] = "test"

# The processes of pytest-xdist inherit the directory of the one that started them.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="fhir-inbox-test-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
