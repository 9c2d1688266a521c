"""Let a process live by a clock that is wrong: Python imports this before anything else of the process.

``CLOCK_SHIFT_S`` says by how many seconds; without it nothing happens.
"""

import os
import time

if shift_s := float(os.environ.get("CLOCK_SHIFT_S") or 0):
    import time_machine

    time_machine.travel(time.time() + shift_s, tick=True).start()
