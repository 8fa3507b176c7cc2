"""python manage.py work [--forever] <name>: does a job, once or every second."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from notes.models import Job


class Command(BaseCommand):
    """Does a job."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the command line."""
        parser.add_argument("name")
        parser.add_argument("--forever", action="store_true")

    def handle(self, *_: Any, name: str, forever: bool, **__: Any) -> None:
        """Do it."""
        while True:
            Job.objects.create(name=name)
            self.stdout.write(f"did {name}")
            if not forever:
                return
            time.sleep(1)
