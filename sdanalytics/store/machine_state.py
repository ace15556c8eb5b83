"""The folder of this machine for what a store cannot hold: its in-flight registry."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def machine_state_dir(location: str) -> Path:
    """Return the folder for one store, in the user's state folder; it need not exist.

    Without a home folder (a container, a service) it is in the temporary folder: reports in flight
    need not last.
    """
    digest = hashlib.sha256(location.encode()).hexdigest()
    return _state_folder() / "stores" / digest[:16]


def _state_folder() -> Path:
    import platformdirs

    try:
        folder = platformdirs.user_state_path("sdanalytics", appauthor=False)
    except RuntimeError:  # nothing tells where the home folder is
        folder = Path("~")
    if folder.is_absolute():
        return folder
    getuid = getattr(os, "getuid", None)  # Windows has none
    owner = getuid() if getuid else "user"
    return Path(tempfile.gettempdir()) / f"sdanalytics-{owner}"
