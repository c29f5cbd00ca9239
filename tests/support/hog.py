"""A process that takes as much memory or time as it is told to, or dies; its limits are its first two arguments."""

import os
import resource
import sys

memory, seconds = map(int, sys.argv[1:3])
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
wish = sys.stdin.read()
if wish == "memory":
    kept = bytearray(2 * memory)
if wish == "time":
    while True:
        pass
if wish == "die":
    os.abort()
sys.stdout.write(wish)
