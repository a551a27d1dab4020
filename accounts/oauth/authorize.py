"""`/oauth2/authorize`: a person who is signed in lets an app act for them, or does not."""

from typing import Any
from urllib.parse import urlsplit

from allauth.core.internal.httpkit import add_query_params, del_query_params
from allauth.idp.oidc import views as allauth
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt

from accounts.acting import Broken, for_person
from accounts.models import Membership


@method_decorator(csrf_exempt, name="dispatch")  # the request of the app is none of our forms; the consent is checked
class Authorize(allauth.AuthorizationView):  # type: ignore[misc]
    """allauth's authorization code, for members of the app's practice, with S256 as the only code challenge."""

    template_name = "account/authorize.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        except ValueError:  # an address that is none; oauthlib and urllib say so like this
            return refused(request, "invalid_request")
        # What allauth answers by itself as a page with status 200 is its page about an error.
        return refused(request, "invalid_request") if answer.status_code == 200 and not shown(answer) else answer

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        plain = request.GET.get("code_challenge_method", "plain") != "S256"
        if plain and "code_challenge" in request.GET:
            return refused(request, "code_challenge_method")
        # allauth takes consent to any app for consent to this one.
        if "none" in request.GET.get("prompt", "").split():
            return refused(request, "prompt")
        answer: HttpResponse = super().get(request, *args, **kwargs)
        if not shown(answer):
            return answer
        if self.app is None or not member(request, self.app):
            return refused(request, "access_denied", 403)
        # A form may lead to another site only where its page says so, and this one leads back to the app.
        answer._csp_update = {"form-action": [origin(self._request_info["redirect_uri"])]}  # type: ignore[attr-defined]
        return answer

    def form_invalid(self, form: Any) -> HttpResponse:
        """A consent that names nothing is none."""
        return refused(self.request, "invalid_request")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        app = Membership.objects.filter(client=self._request_info["client_id"], active=True)
        self.app = app.select_related("client", "practice", "policy").first()
        return {**super().get_context_data(**kwargs), "app": self.app}

    def _handle_login_prompt(self, request: HttpRequest, prompts: list[str]) -> HttpResponse:
        """An app may ask that the person signs in again."""
        prompts.remove("login")
        after = del_query_params(request.get_full_path(), "prompt")
        after = add_query_params(after, {"prompt": " ".join(prompts)}) if prompts else after
        logout(request)
        return redirect(add_query_params(reverse("account_login"), {"next": after}))


def shown(answer: HttpResponseBase) -> bool:
    """Whether this is the page that asks for consent."""
    return hasattr(answer, "render")


def member(request: HttpRequest, app: Membership) -> bool:
    """Whether who is signed in belongs to the app's practice."""
    try:
        return for_person(request.user, app) is not None  # type: ignore[arg-type]
    except Broken:
        return False


def origin(uri: str) -> str:
    """What a page must name to lead to an address: `https://app.example`, or the scheme of an installed app."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def refused(request: HttpRequest, reason: str, status: int = 400) -> HttpResponse:
    """A page that says that an app asked for something which it does not get."""
    return render(request, "account/not_authorized.html", {"reason": reason}, status=status)
