"""A process that runs the rows of one system: worker.py SYSTEM THREADS CPU,CPU,...

The driver sends one JSON object a line on standard input and gets one back a line. A system that is missing says so,
one that crashes takes nobody with it.
"""

import gc
import json
import os
import sys
import time

from cases import Case, Row
from runner import Missing


def load(system, threads, folder):
    if system == "dashkv":
        from own import Own as System
    else:
        import peers

        System = {"ggml": peers.Ggml, "torch": peers.Torch, "faiss": peers.Faiss}[system]
    return System(threads, folder)


class Timer:
    """The rows of the present case and their clock."""

    def __init__(self, system):
        self.system = system
        self.runners = {}

    def prepare(self, case, row):
        """Builds the row, runs it twice and checks what it computes."""
        runner = self.system.runner(case, row)
        calls = []
        for i in (1, 0):  # 0 last: its output is what the check reads
            start = time.perf_counter()
            runner.call(i)
            calls.append(time.perf_counter() - start)
        answer = {"seconds": min(calls), **runner.check()}
        runner.release()
        self.runners[row] = runner
        return answer

    def time(self, row, calls):
        runner, times = self.runners[row], []
        runner.call(runner.calls)  # brings code and stack back, untimed
        runner.release()
        gc.disable()
        for _ in range(calls):
            runner.calls += 1
            start = time.perf_counter()
            runner.call(runner.calls)
            times.append(time.perf_counter() - start)
            runner.release()
        gc.enable()
        return {"times": times}


def main():
    system, threads, cpus, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    # Libraries that print would break the protocol: only this handle writes to the driver.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    timer = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "open":
                loaded = load(system, threads, folder)
                timer = Timer(loaded)
                answer = {"version": loaded.version}
            elif request["do"] == "case":
                timer.runners.clear()
                timer.system.new_case(Case(**request["case"]))
                answer = {}
            elif request["do"] == "prepare":
                answer = timer.prepare(timer.system.case, Row(**request["row"]))
            else:
                answer = timer.time(Row(**request["row"]), request["calls"])
        except (Missing, ModuleNotFoundError) as reason:
            answer = {"missing": str(reason)}
        except Exception as reason:  # noqa: BLE001 (the driver reports it as the outcome of the row)
            text = str(reason).strip().splitlines()
            answer = {"failed": f"{type(reason).__name__}: {text[0] if text else ''}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
