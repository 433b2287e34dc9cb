# SPDX-License-Identifier: MIT
"""A `fastipc serve` of its own process, and what the kernel says of it."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time

import proof

NAME = "load"
BYTES = 11 << 20  # a little more than the largest message


def field(text, name):
    """A figure of a file in /proc, in KiB."""
    found = re.search(rf"^{name}:\s*(\d+)", text, re.M)
    return int(found.group(1)) if found else 0


class Served:
    """The server, its directory, and a thread that samples its memory."""

    def __init__(self, interval):
        self.interval = interval
        self.samples = []
        self.directory = tempfile.mkdtemp(prefix="fastipc-proof.")
        os.environ["XDG_RUNTIME_DIR"] = self.directory
        os.mkdir(f"{self.directory}/served")
        with open(f"{self.directory}/served/bytes", "wb") as out:
            out.write(os.urandom(BYTES))
        self.child = subprocess.Popen(
            [proof.FASTIPC, "serve", NAME, "--dir",
             f"{self.directory}/served", "--quiet"])
        self.start = time.monotonic()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.sample_on)

    def __enter__(self):
        until = time.monotonic() + 10
        while subprocess.run([proof.FASTIPC, "ping", NAME, "-c", "1"],
                             stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL,
                             check=False).returncode:
            if self.child.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise proof.MeasuringFailed("fastipc serve does not start")
            time.sleep(0.05)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        if self.thread.is_alive():
            self.thread.join()
        self.child.terminate()
        self.child.wait(30)
        shutil.rmtree(self.directory)

    def now(self):
        """Seconds since it was started."""
        return time.monotonic() - self.start

    def sample(self):
        """All that is sampled, now."""
        def read(name):
            with open(f"/proc/{self.child.pid}/{name}",
                      encoding="utf-8") as text:
                return text.read()
        rollup, status = read("smaps_rollup"), read("status")
        return {"s": self.now(),
                "rss": field(rollup, "Rss"), "pss": field(rollup, "Pss"),
                "shmem": field(status, "RssShmem"),
                "anonymous": field(rollup, "Anonymous"),
                "threads": field(status, "Threads"),
                "descriptors": len(os.listdir(f"/proc/{self.child.pid}/fd")),
                "mappings": read("maps").count("\n")}

    def sample_on(self):
        """Once in each interval, until the end."""
        due = time.monotonic()
        while not self.ended.is_set():
            try:
                self.samples.append(self.sample())
            except OSError:
                return
            due = max(due + self.interval, time.monotonic())
            self.ended.wait(due - time.monotonic())

    def between(self, start, end):
        """The samples of a time."""
        return [one for one in self.samples if start <= one["s"] <= end]

    def settled(self, descriptors, seconds=15):
        """
        Its state when all connections are gone, or after a while.  It looks
        once a second whether there is memory to be given back.
        """
        until = self.now() + seconds
        while self.sample()["descriptors"] > descriptors:
            if self.now() > until:
                break
            time.sleep(0.05)
        time.sleep(1.4)
        return self.sample()

    def load(self, section, *arguments, duration):
        """`fastipc bench load`: what it found, and when it ran."""
        command = ["bench", "load", NAME, "--file", "DIR/bytes",
                   *map(str, arguments), "--duration", f"{duration:g}"]
        section.command(f"head -c {BYTES} /dev/urandom >DIR/bytes")
        section.command(f"fastipc serve {NAME} --dir DIR --quiet &")
        section.command("fastipc " + " ".join(command) + " --pid $!")
        command[4] = f"{self.directory}/served/bytes"
        start = self.now()
        found = proof.run_json([proof.FASTIPC, *command, "--pid",
                                self.child.pid, "--json"],
                               timeout=duration + 120)[0]
        end = self.now()
        # Its connections were there before it began to measure.
        return {**found, "start": end - duration, "end": end,
                "connecting": start}
