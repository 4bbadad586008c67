"""How do tests use a page as a person would? Headless Chromium, driven through two pipes.

The browser's own protocol: JSON messages that end in a zero byte; the browser reads them from
descriptor 3 and writes to descriptor 4. Clicks and keys are real input events at real places.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
PATIENCE = 20.0  # seconds
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-extensions", "--disable-background-networking"),
    *("--remote-debugging-pipe", "about:blank"),
)


class Refused(Exception):
    """The browser does not do what it is told."""


class Page:
    """One tab; leaving the `with` block ends the browser."""

    def __init__(self, profile: Path):
        self.profile = profile
        self.number, self.buffer, self.session = 0, b"", None
        self.events = []

    def __enter__(self):
        self.reader, theirs_out = os.pipe()
        theirs_in, self.writer = os.pipe()

        def connect():
            """Put the pipes where the browser looks, whatever stood there."""
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (theirs_in, theirs_out)]
            for end, place in zip(ends, (3, 4), strict=True):
                os.dup2(end, place)

        self.process = subprocess.Popen(
            [BROWSER, f"--user-data-dir={self.profile}", *OPTIONS],
            preexec_fn=connect,
            close_fds=False,  # else 3 and 4 are closed; all others close by themselves
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            targets = self.call("Target.getTargets")["targetInfos"]
            target = next(info["targetId"] for info in targets if info["type"] == "page")
            attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
            self.session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.call(f"{domain}.enable")
            self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        os.close(self.writer)
        os.close(self.reader)
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def call(self, method, **parameters):
        """Send a command and return its result; what happens meanwhile goes into `events`."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self.number:
                if "error" in found:
                    raise Refused(f"{method}: {found['error']}")
                return found["result"]
            self.events.append(found)

    def _next(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.reader], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            content = os.read(self.reader, 1 << 16)
            assert content, "the browser has ended"
            self.buffer += content
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def happened(self, method):
        """The events of a kind so far."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def open(self, url):
        self._leave("Page.navigate", url=url)

    def reload(self):
        self._leave("Page.reload")

    def _leave(self, method, **parameters):
        """Wait until another document has taken the place of this one."""
        self.run("window.before = true")
        self.call(method, **parameters)
        self.wait("document.readyState === 'complete' && !window.before")

    def run(self, script):
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, condition):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if self.run(condition):
                    return
            except Refused:  # the page is just being replaced
                pass
            time.sleep(0.02)
        raise AssertionError(f"never true: {condition}")

    def text(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def click(self, selector):
        """Press the mouse in the middle of an element, which must be what lies there."""
        name = json.dumps(selector)
        x, y, hit = self.run(
            f"(() => {{ const e = document.querySelector({name});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const r = e.getBoundingClientRect();"
            "const x = r.x + r.width / 2, y = r.y + r.height / 2;"
            "const top = document.elementFromPoint(x, y);"
            "const label = top && top.closest('label');"
            "const hit = e === top || e.contains(top) || (label !== null && label.contains(e));"
            "return [x, y, hit]; })()"
        )
        assert hit, f"something covers {selector}"
        for kind in ("mousePressed", "mouseReleased"):
            place = {"x": x, "y": y, "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **place)

    def type(self, text):
        """Press and release the key of each letter."""
        for letter in text:
            self.key(letter, text=letter)

    def key(self, key, **more):
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def save_downloads(self, folder):
        """Let the page put files into a folder; this is for the browser, not for the tab."""
        session, self.session = self.session, None
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        self.session = session

    def look(self, *, width, height, dark=False, phone=False):
        """The size of the window and the colours that the reader prefers."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path):
        found = self.call("Page.captureScreenshot", format="png")
        Path(path).write_bytes(base64.b64decode(found["data"]))
