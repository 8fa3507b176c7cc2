"""What is kept."""

from django.db import models


class Note(models.Model):
    """A note."""

    text = models.TextField()


class Job(models.Model):
    """Something that a worker or a schedule has done."""

    name = models.CharField(max_length=40)
    at = models.DateTimeField(auto_now_add=True)
