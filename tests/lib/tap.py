"""The Test Anything Protocol, as prove(1) reads it. Used by every test that is written in Python."""
import faulthandler
import os
import sys
import traceback


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0
        # What waits for ever says where. Within tests/lib/run.sh's patience.
        faulthandler.dump_traceback_later(int(os.environ.get("TEST_SECONDS", 600)), exit=True)

    def ok(self, good, name, *detail):
        self.count += 1
        self.failed += not good
        clean = str(name).replace("#", "\\#").encode("ascii", "backslashreplace").decode()
        print(f"{'ok' if good else 'not ok'} {self.count} - {clean}", flush=True)
        if not good:
            for line in "\n".join(str(d) for d in detail).split("\n"):
                print("#   " + line.encode("ascii", "backslashreplace").decode(), flush=True)
        return good

    def equal(self, got, want, name, *detail):
        return self.ok(got == want, name, f"got  {got!r}", f"want {want!r}", *detail)

    def run(self, *tests):
        """Runs each function; one that raises is one failed test. Exits."""
        for test in tests:
            try:
                test()
            except Exception:
                self.ok(False, f"{test.__name__} runs to its end", traceback.format_exc())
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.failed else 0)
