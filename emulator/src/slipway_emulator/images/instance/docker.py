#!/usr/local/bin/python3
"""`docker` of a rehearsed EC2 instance: its engine is the emulator (ec2/engine.py)."""

import json
import os
import sys
import urllib.error
import urllib.request

arguments = sys.argv[1:]
for i, option in enumerate(arguments[:-1], 1):
    # Without a value, a variable has that of the command's own environment ("docker run", Docker CLI reference).
    if option in ("-e", "--env") and arguments[i] in os.environ:
        arguments[i] += f"={os.environ[arguments[i]]}"
password = sys.stdin.read() if "--password-stdin" in arguments else ""
request = urllib.request.Request(  # noqa: S310  (the URL is the emulator's own, always http)
    f"{os.environ['AWS_ENDPOINT_URL']}/_slipway/instance-engine",
    data=json.dumps({"arguments": arguments, "input": password}).encode(),
    headers={"Content-Type": "application/json"},
)
try:
    # A container in the foreground is waited for, however long it runs.
    with urllib.request.urlopen(request) as answer:  # noqa: S310  (the request above)
        result = json.load(answer)
except OSError as error:
    if isinstance(error, urllib.error.HTTPError) and error.code != 403:
        raise
    # An instance that has been terminated has no engine any more, and one whose cloud has stopped neither.
    sys.exit("Cannot connect to the Docker daemon. Is the docker daemon running?")
sys.stdout.write(result["stdout"])
sys.stderr.write(result["stderr"])
sys.exit(result["exit_code"])
