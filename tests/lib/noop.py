"""A milter that decides nothing, for a bench to measure against."""
import os
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Noop:
    def __init__(self, stages, folder):
        self.socket = f"{folder}/noop-{stages}.sock"
        self.process = subprocess.Popen([f"{TOP}/build/gcc/tests/tools/noop-milter", stages,
                                         f"unix:{self.socket}"], stdin=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not os.path.exists(self.socket):
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("the no-op milter does not start")
            time.sleep(0.02)
        os.chmod(self.socket, 0o666)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
