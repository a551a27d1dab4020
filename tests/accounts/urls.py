"""The account pages, and beside them two pages that only members reach."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.urls import include, path
from rest_framework.views import APIView

from accounts.middleware import Request


def home(request: Request) -> HttpResponse:
    """Says who is asking."""
    return HttpResponse(f"{request.actor.profile} of {request.actor.practice}: {', '.join(request.actor.profiles)}")


class Who(APIView):
    """What the API has: says which bearer is asking."""

    def get(self, request: Any) -> HttpResponse:
        asked = request._request
        return JsonResponse({"profile": asked.actor.profile, "practice": asked.actor.practice})

    post = get


def reading(request: Request) -> HttpResponse:
    """Uses the repository."""
    return HttpResponse(str(request.repo.may("search", "Communication")))


def file(request: Request) -> HttpResponse:
    """A file; `?keep` says for how long."""
    kept = {"Cache-Control": request.GET["keep"]} if "keep" in request.GET else {}
    return HttpResponse("%PDF", content_type="application/pdf", headers=kept)


urlpatterns = [
    path("", home, name="home"),
    path("threads/", home, name="threads"),
    path("reading/", reading, name="reading"),
    path("file/", file, name="file"),
    path("accounts/", include("accounts.urls")),
    path("clients/", include("accounts.client_urls")),
    path("", include("accounts.oauth.urls")),
    path("fhir/who", Who.as_view(), name="who"),
    path("i18n/", include("django.conf.urls.i18n")),
]
