"""How many messages a second a real Postfix takes, with one filter or another before it: for benches."""
import os
import statistics
import subprocess
import time

SESSIONS = 20


def services(host, port, filters):
    """For master.cf: a port for each filter, from `port` on."""
    return "".join(f"{host}:{port + i} inet n - n - 200 smtpd\n -o smtpd_milters={sockets}\n"
                   for i, sockets in enumerate(filters.values()))


def send(host, port, messages, *options):
    """Messages a second, of smtp-source with these options."""
    start = time.monotonic()
    subprocess.run(["smtp-source", "-s", str(SESSIONS), "-m", str(messages), *options, f"inet:{host}:{port}"],
                   check=True, capture_output=True, timeout=600)
    took = time.monotonic() - start
    # What waits in the queue must not slow down who comes next.
    end = time.monotonic() + 300
    while any(files for where in ("incoming", "active") for _, _, files in os.walk(f"/var/spool/postfix/{where}")):
        if time.monotonic() > end:
            raise RuntimeError("the queue does not become empty")
        time.sleep(0.05)
    return messages / took


def in_turns(host, port, filters, rounds, messages, *options):
    """{filter: its rates}: all filters in each round, after one that warms them up."""
    rates = {name: [] for name in filters}
    for i in range(len(filters)):
        send(host, port + i, min(messages, 200), *options)
    for _ in range(rounds):
        for i, name in enumerate(filters):
            rates[name].append(send(host, port + i, messages, *options))
    return rates


def medians(rates, floor):
    """(filter, messages a second, ratio to the floor in the same round), each a median."""
    for name, row in rates.items():
        yield (name, statistics.median(row),
               statistics.median(rate / best for rate, best in zip(row, rates[floor])))


def resident_kib(pid):
    """Memory of a process and all below it, what they share counted once."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        own = next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return own + sum(resident_kib(int(child)) for child in f.read().split())
