"""Virtual environments for the peers and for the limits: made once, by pip.

They have this environment's Python; airbyte's dependencies cannot be had for any after 3.11.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / ".peers"

# Their newest releases that read version 2; airbyte's brings the CDK that it was made for.
PEERS: Final = {
    "python-amazon-ad-api": ("python-amazon-ad-api==1.2.9", "pandas==3.1.1"),
    "airbyte": (
        "airbyte-source-amazon-ads==5.0.14",
        "airbyte-cdk==0.90.0",
        "setuptools<81",  # the CDK's pkg_resources went with 81
        "pandas==3.1.1",
    ),
    "pandas 2": ("pandas==2.3.3",),
    "limits": ("isal==1.9.1", "pysimdjson==7.0.2"),
}


def peer_python(name: str) -> Path:
    """Return the Python of a peer's environment; make the environment if necessary."""
    wanted = "\n".join([sys.version, *PEERS[name]])
    folder = FOLDER / f"{name.replace(' ', '-')}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"installing {', '.join(PEERS[name])} ...", file=sys.stderr, flush=True)
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, *PEERS[name]], check=True)
        (folder / "complete").touch()
    return python
