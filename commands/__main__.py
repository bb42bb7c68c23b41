"""python -m commands run|demo|schema|sqlserver_check"""

from __future__ import annotations

import importlib
import signal
import sys

# Until something is started there is nothing to stop: Ctrl-C just ends the command.
signal.signal(signal.SIGINT, signal.SIG_DFL)
importlib.import_module(f"commands.{sys.argv[1]}").main()
