"""JupyterLab in headless Chromium, driven by Playwright as a user would by hand.

``Lab`` starts a server and a browser of its own; ``Lab.open`` gives a `Notebook` whose kernel
is connected. Requests to other machines are refused and recorded in `Lab.outside`.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.image import imread

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

CHROMIUM: Final = os.environ.get("CHROMIUM", "/usr/bin/chromium")
MISSING_REQUIREMENTS: Final = [
    name
    for name in ("playwright", "jupyterlab", "ipywidgets", "anywidget")
    if importlib.util.find_spec(name) is None
] + ([] if os.access(CHROMIUM, os.X_OK) else [CHROMIUM])
"""Requirements of these tests that this machine does not have."""

_FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # containers have little of it
    "--no-proxy-server",  # the server is on this machine, whatever http_proxy says
]
_OUTSIDE: Final = re.compile(r"^(?:https?|wss?)://(?!127\.0\.0\.1[:/])")
_SERVER: Final = {
    "ServerApp": {
        "ip": "127.0.0.1",
        "open_browser": False,
        "allow_root": True,
        "jpserver_extensions": {"jupyter_lsp": False, "jupyter_server_terminals": False},
    },
    "LabApp": {
        "expose_app_in_browser": True,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "news_url": None,
    },
}
_SETTINGS: Final = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    # Cells out of sight are in the page, too.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}

# Errors of callbacks and threads show in no cell; they arrive on the kernel's channel.
_CONNECTED: Final = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  const context = panel?.sessionContext;
  if (!context?.isReady || !panel.content?.widgets?.length) return false;
  if (!['idle', 'busy'].includes(context.session?.kernel?.status)) return false;
  if (!window.seen) {
    window.seen = {panel, context, wrong: [], ran: null};
    context.iopubMessage.connect((_, message) => {
      const {content, header} = message;
      if (header.msg_type === 'error') seen.wrong.push(content.traceback.join('\\n'));
      if (header.msg_type === 'stream' && content.name === 'stderr')
        seen.wrong.push(String(content.text));
    });
  }
  return true;
}"""
_RUN: Final = """() => {
  jupyterapp.commands.execute('notebook:run-all-cells').then(
    () => { seen.ran = 'done'; }, error => { seen.ran = String(error); });
}"""
_FINISHED: Final = """() => {
  const status = seen.context.session?.kernel?.status ?? 'gone';
  if (status !== 'idle') return ['busy', 'starting'].includes(status) ? false : status;
  return seen.ran;
}"""
_PNG: Final = """async image => { await image.decode(); return image.src; }"""
_CORNER: Final = """async image => {
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext('2d');
  pen.drawImage(image, 0, 0);
  return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)].join();
}"""
_BEHIND: Final = """image => {
  for (let node = image.parentElement; node; node = node.parentElement) {
    const parts = getComputedStyle(node).backgroundColor.match(/[0-9.]+/g);
    if (parts.length === 3) return parts.join();
  }
}"""
_NOISE: Final = re.compile(r"^No such comm.*$|\x1b\[[0-9;]*m", re.MULTILINE)


class Lab:
    """A context manager that runs JupyterLab on a folder, and a browser.

    Parameters
    ----------
    root : pathlib.Path
        The folder to serve.
    environment : mapping of str to str
        Variables of the kernels, beside those of this process.
    width, height : int
        Size of the window in pixels.
    """

    def __init__(
        self,
        root: Path,
        environment: Mapping[str, str] | None = None,
        width: int = 1280,
        height: int = 1000,
    ) -> None:
        self.outside: list[str] = []
        self.root = root
        self._environment = dict(environment or {})
        self._width = width
        self._height = height
        self._token = secrets.token_hex(16)
        self._stack = ExitStack()

    def __enter__(self) -> Lab:
        from playwright.sync_api import sync_playwright

        with ExitStack() as stack:
            home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            self._home = Path(home)
            server = self._serve()
            stack.callback(_end, server)
            self._wait_for(server)
            playwright = stack.enter_context(sync_playwright())
            self._browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
            stack.callback(self._browser.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, name: str) -> Notebook:
        """Open a notebook of the folder in a new browser profile, and wait for its kernel."""
        context = self._browser.new_context(
            viewport={"width": self._width, "height": self._height},
            locale="en-GB",
            reduced_motion="reduce",
        )
        context.set_default_timeout(30_000)
        context.route(_OUTSIDE, self._refuse)
        page = context.new_page()
        # A workspace of that name was never there, so none is restored.
        workspace = f"test-{secrets.token_hex(4)}"
        page.goto(f"{self._url}/doc/workspaces/{workspace}/tree/{name}?token={self._token}")
        page.wait_for_function(_CONNECTED, timeout=60_000)
        return Notebook(page)

    def _refuse(self, route: Route) -> None:
        self.outside.append(route.request.url)
        route.abort()

    def _serve(self) -> subprocess.Popen[bytes]:
        for name in ("config/labconfig", "data", "runtime", "ipython"):
            (self._home / name).mkdir(parents=True)
        config = self._home / "config"
        checkpoints = {"checkpoint_dir": str(self._home / "checkpoints")}
        settings = _SERVER | {"FileCheckpoints": checkpoints}
        (config / "jupyter_server_config.json").write_text(json.dumps(settings))
        overrides = config / "labconfig" / "default_setting_overrides.json"
        overrides.write_text(json.dumps(_SETTINGS))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}"]
        command += [f"--ServerApp.root_dir={self.root}", "--ServerApp.port_retries=0"]
        environment = os.environ | self._environment
        environment |= {
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTER_DATA_DIR": str(self._home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._home / "runtime"),
            "IPYTHONDIR": str(self._home / "ipython"),
            "JUPYTER_TOKEN": self._token,
            "JUPYTER_PREFER_ENV_PATH": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else a warning on each kernel's stderr
        }
        with (self._home / "log").open("wb") as log:
            return subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_for(self, server: subprocess.Popen[bytes]) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + 60
        while server.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):
                opener.open(f"{self._url}/api/status?token={self._token}", timeout=5).close()
                return
            time.sleep(0.05)
        raise AssertionError(f"JupyterLab does not answer:\n{(self._home / 'log').read_text()}")


class Notebook:
    """A notebook open in JupyterLab.

    Attributes
    ----------
    page : playwright.sync_api.Page
    output : playwright.sync_api.Locator
        The outputs of its cells, without JupyterLab's own buttons and labels.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.output: Locator = page.locator(".jp-Notebook .jp-Cell-outputWrapper")

    def run_all(self) -> None:
        """Run all cells, and wait until the kernel has finished."""
        self.page.evaluate(_RUN)
        end = self.page.wait_for_function(_FINISHED, timeout=120_000).json_value()
        assert end == "done", f"{end}: {self.errors}"

    def execute(self, code: str) -> None:
        """Run code in the kernel, outside of any cell."""
        run = "code => seen.context.session.kernel.requestExecute({code}).done.then(() => true)"
        assert self.page.evaluate(run, code)

    @property
    def errors(self) -> str:
        """Errors and warnings of cells, callbacks and threads so far."""
        messages: list[str] = self.page.evaluate("() => seen.wrong")
        return _NOISE.sub("", "\n".join(messages)).strip()

    def set_theme(self, name: str) -> None:
        """Choose a theme of JupyterLab, such as ``JupyterLab Dark``."""
        change = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
        self.page.evaluate(change, name)
        chosen = "theme => document.body.dataset.jpThemeName === theme"
        self.page.wait_for_function(chosen, arg=name)

    def wait_for_background(self, image: Locator) -> None:
        """Wait until the corner of a picture has the colour that is behind it."""
        for _ in range(50):
            if image.evaluate(_CORNER) == image.evaluate(_BEHIND):
                return
            self.page.wait_for_timeout(200)
        raise AssertionError(f"{image.evaluate(_CORNER)} on {image.evaluate(_BEHIND)}")

    def button(self, name: str) -> Locator:
        """Return a button of the outputs by its text."""
        return self.output.get_by_role("button", name=name, exact=True)

    def field(self, label: str) -> Locator:
        """Return a menu, field or box of the outputs by its label."""
        return self.output.get_by_label(label, exact=True)

    def wait_for_status(self, pattern: str, seconds: float = 30) -> None:
        """Wait until a status matches a pattern."""
        status = self.output.get_by_role("status").filter(has_text=re.compile(pattern))
        status.first.wait_for(timeout=1000 * seconds)

    def close(self) -> None:
        """Shut the kernel down and close the page."""
        self.page.evaluate("() => seen.context.shutdown()")
        self.page.context.close()


def pixels(image: Locator) -> Any:
    """Return the pixels of a displayed PNG: rows, columns, red green blue (0 to 1)."""
    image.wait_for()
    head, _, data = str(image.evaluate(_PNG)).partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(imread(io.BytesIO(base64.b64decode(data)), format="png"))[:, :, :3]


def ink(picture: Any) -> float:
    """Return the share of pixels that differ from the background."""
    return float((np.abs(picture - picture[0, 0]) > 0.02).any(axis=2).mean())


def _end(server: subprocess.Popen[bytes]) -> None:
    """End a server kindly, so that it ends its kernels, or else for good."""
    with suppress(subprocess.TimeoutExpired):
        server.terminate()
        server.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
