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
JSSIP = "jssip@3.13.8"
BUNDLER = "esbuild@0.25.12"
NPM_SECONDS = 90.0


def bundle(folder: Path) -> Path:
    """JsSIP as one script for a page, made once in `folder`."""
    made = folder / f"{JSSIP}.js"
    if made.exists():
        return made
    (folder / "package.json").write_text('{"name": "page", "private": true}\n')
    (folder / "entry.js").write_text('module.exports = require("jssip");\n')
    npm = ["npm", "install", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts"]
    done = run([*npm, JSSIP, BUNDLER], folder=folder, timeout=NPM_SECONDS)
    assert done.returncode == 0, f"npm install: {done.stdout}{done.stderr}"
    unfinished = folder / "library.js"
    esbuild = folder / "node_modules" / ".bin" / "esbuild"
    words = ["--bundle", "--format=iife", "--global-name=JsSIP", f"--outfile={unfinished}"]
    done = run([esbuild, "entry.js", *words], folder=folder, timeout=60)
    assert done.returncode == 0, f"esbuild: {done.stdout}{done.stderr}"
    return unfinished.rename(made)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A page that loads is no news."""


@contextlib.contextmanager
def website(folder: Path, library: Path) -> Iterator[int]:
    """Serve the page from `folder`: its port."""
    folder.mkdir(parents=True)
    for name in ("index.html", "phone.js"):
        shutil.copy(PAGE / name, folder)
    shutil.copy(library, folder / "library.js")
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(5)
