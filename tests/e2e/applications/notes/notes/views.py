"""The pages."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from notes.models import Job, Note


def index(request: HttpRequest) -> HttpResponse:
    """How often this browser was here."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse({"visits": request.session["visits"]})


@csrf_exempt
def notes(request: HttpRequest) -> HttpResponse:
    """The notes; a form adds one."""
    if request.method == "POST":
        Note.objects.create(text=request.POST["text"])
    return JsonResponse({"notes": list(Note.objects.order_by("id").values_list("text", flat=True))})


def jobs(request: HttpRequest) -> HttpResponse:
    """How often each job has run."""
    names = Job.objects.values_list("name", flat=True)
    return JsonResponse({name: names.filter(name=name).count() for name in set(names)})


def where(request: HttpRequest) -> HttpResponse:
    """The address as the site knows it."""
    return JsonResponse({"url": request.build_absolute_uri("/"), "secure": request.is_secure()})
