"""A site with a phone in its page: files by HTTP on the loopback interface, libraries from npm.

`http://localhost:PORT` and `http://127.0.0.1:PORT` are the same files and two origins.
"""

from __future__ import annotations

import contextlib
import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.interop.harness.process import LOOPBACK, run

PAGE = Path(__file__).parent / "page"
LIBRARIES = {"jssip": "jssip@3.13.8", "sipjs": "sip.js@0.21.2"}
ENTRIES = {
    "jssip": ("JsSIP", 'module.exports = require("jssip");\n'),
    "sipjs": ("SIPJS", 'module.exports = require("sip.js/lib/platform/web");\n'),
}
BUNDLER = "esbuild@0.25.12"
NPM_SECONDS = 90.0


def bundles(folder: Path) -> Path:
    """A folder with each library as one script for a page, made once below `folder`."""
    made = folder / "-".join([*LIBRARIES.values(), BUNDLER]).replace("@", "-")
    if made.exists():
        return made
    (folder / "package.json").write_text('{"name": "page", "private": true}\n')
    npm = ["npm", "install", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts"]
    done = run([*npm, *LIBRARIES.values(), BUNDLER], folder=folder, timeout=NPM_SECONDS)
    assert done.returncode == 0, f"npm install: {done.stdout}{done.stderr}"
    unfinished = folder / "unfinished"
    for name, (variable, text) in ENTRIES.items():
        (folder / f"{name}.js").write_text(text)
        words = ["--bundle", "--format=iife", f"--global-name={variable}"]
        words += [f"--outfile={unfinished / name}.library.js", f"{name}.js"]
        esbuild = folder / "node_modules" / ".bin" / "esbuild"
        done = run([esbuild, *words], folder=folder, timeout=60)
        assert done.returncode == 0, f"esbuild: {done.stdout}{done.stderr}"
    return unfinished.rename(made)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A page that loads is no news."""


@contextlib.contextmanager
def website(folder: Path, libraries: Path) -> Iterator[int]:
    """Serve the pages from `folder`: the port."""
    for source in (PAGE, libraries):
        shutil.copytree(source, folder, dirs_exist_ok=True)
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(5)
