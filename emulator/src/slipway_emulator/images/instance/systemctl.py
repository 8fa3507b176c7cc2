#!/usr/local/bin/python3
"""`systemctl` of a rehearsed EC2 instance: asks the instance's first process (machine.py)."""

import json
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect("/run/systemd/private")
    connection.sendall(json.dumps(sys.argv[1:]).encode() + b"\n")
    connection.shutdown(socket.SHUT_WR)
    with connection.makefile() as answer:
        status, output = json.load(answer)
(sys.stderr if status == 1 else sys.stdout).write(output)
sys.exit(status)
